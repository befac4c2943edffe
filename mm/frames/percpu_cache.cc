// SPDX-License-Identifier: MIT
#include "mm/frames/percpu_cache.h"

namespace meridian {

/// Blocks that the list should still take; below 0 when it is too long.
i64 PerCpuCache::room(unsigned order) const {
  const u64 word = lists_[order].load(std::memory_order_relaxed);
  // Moves Room's sign bit to the top of the word and back.
  constexpr unsigned kAbove = 64 - Head::kLow;
  return static_cast<i64>(word << kAbove) >> kAbove;
}

bool PerCpuCache::refill(FrameTable& table, Buddy& zone, unsigned order) {
  return zone.take_batch(table, order, kBatch[order],
                         [&](Frame frame) { push(table[frame], frame, order); }) != 0;
}

void PerCpuCache::spill(FrameTable& table, Buddy& zone, unsigned order) {
  if (room(order) < 0) give_back(table, zone, order, kBatch[order]);
}

void PerCpuCache::drain(FrameTable& table, Buddy& zone) {
  for (unsigned order = 0; order < kOrders; ++order) give_back(table, zone, order, ~u64{0});
}

/// Blocks that were freed one after the other often lie side by side. They go back as one run,
/// which saves joining them pair by pair.
void PerCpuCache::give_back(FrameTable& table, Buddy& zone, unsigned order, u64 count) {
  while (count != 0) {
    const FrameRange run = unlink_run(table, order, count);
    if (run.count == 0) return;
    zone.put_range(table, run);
    count -= run.count >> order;
  }
}

/// Unlinks the block at the head and those behind it, one by one up to `count`, as long as each
/// lies beside the blocks before it.
FrameRange PerCpuCache::unlink_run(FrameTable& table, unsigned order, u64 count) {
  const u64 step = u64{1} << order;
  const u64 word = lists_[order].load(std::memory_order_relaxed);
  u64 number = Head::decode(word);
  u64 lowest = number, end = number, taken = 0;
  for (; number != 0 && taken < count; ++taken) {
    if (number == end) {
      end += step;
    } else if (number + step == lowest) {
      lowest = number;
    } else {
      break;
    }
    FrameInfo& info = table[Frame::from_number(number)];
    number = FrameInfo::Next::decode(info.head());
    info.set_head(0);
  }
  const u64 room = (word + taken) & Room::kMask;
  lists_[order].store(number << Head::kLow | room, std::memory_order_relaxed);
  return {Frame::from_number(lowest), end - lowest};
}

u64 PerCpuCache::frames() const {
  u64 count = 0;
  for (unsigned order = 0; order < kOrders; ++order)
    count += (kCapacity[order] - static_cast<u64>(room(order))) << order;
  return count;
}

}  // namespace meridian
