// SPDX-License-Identifier: MIT
#include "mm/frames/percpu_cache.h"

#include <algorithm>

namespace meridian {
namespace {

/// The number of the block behind this one in its list; its own entry becomes `none`.
u64 unlink(FrameInfo& info) {
  const u64 next = FrameInfo::Next::decode(info.head());
  info.set_head(0);
  return next;
}

}  // namespace

/// Blocks that the list should still take; below 0 when it is too long.
i64 PerCpuCache::room(unsigned order) const {
  const u64 word = lists_[order].load(std::memory_order_relaxed);
  // Moves Room's sign bit to the top of the word and back.
  constexpr unsigned kAbove = 64 - Head::kLow;
  return static_cast<i64>(word << kAbove) >> kAbove;
}

bool PerCpuCache::refill(FrameTable& table, Buddy& zone, unsigned order) {
  return zone.take_batch(table, order, kBatch[order],
                         [&](FrameRange run) { push_run(table, order, run); }) != 0;
}

/// Pushes the blocks of a run, the highest first, so that they are given out in ascending order.
/// Each but the first is linked to the one above it, and nothing is read.
void PerCpuCache::push_run(FrameTable& table, unsigned order, FrameRange run) {
  const u64 step = u64{1} << order;
  const u64 word = lists_[order].load(std::memory_order_relaxed);
  const u64 plain = FrameInfo::linked(FrameOwner::cached, order, 0);
  const u64 last = run.first.number() + run.count - step;
  for (u64 number = run.first.number(); number != last; number += step)
    table[Frame::from_number(number)].set_head(plain | (number + step) << Head::kLow);
  table[Frame::from_number(last)].set_head(plain | (word & Head::kMask));
  const u64 room = (word - (run.count >> order)) & Room::kMask;
  lists_[order].store(run.first.number() << Head::kLow | room, std::memory_order_relaxed);
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

/// Unlinks the block at the head and those behind it, at most `count`, as long as each lies just
/// below or just above the one before: the way they lie if they were freed in the order of their
/// addresses.
FrameRange PerCpuCache::unlink_run(FrameTable& table, unsigned order, u64 count) {
  const u64 word = lists_[order].load(std::memory_order_relaxed);
  const u64 first = Head::decode(word);
  if (first == 0) return {};
  FrameInfo* info = &table[Frame::from_number(first)];
  u64 next = unlink(*info);
  const bool descends = next < first;
  // A run that descends stops above block 0, whose number ends the list.
  const u64 longest = descends ? std::min(count, first >> order) : count;
  const i64 step = descends ? -(i64{1} << order) : i64{1} << order;
  u64 taken = 1;
  for (u64 beside = first + static_cast<u64>(step); taken != longest && next == beside; ++taken) {
    info += step;
    beside += static_cast<u64>(step);
    next = unlink(*info);
  }
  const u64 room = (word + taken) & Room::kMask;
  lists_[order].store(next << Head::kLow | room, std::memory_order_relaxed);
  const u64 lowest = descends ? first - ((taken - 1) << order) : first;
  return {Frame::from_number(lowest), taken << order};
}

u64 PerCpuCache::frames() const {
  u64 count = 0;
  for (unsigned order = 0; order < kOrders; ++order)
    count += (kCapacity[order] - static_cast<u64>(room(order))) << order;
  return count;
}

}  // namespace meridian
