// SPDX-License-Identifier: MIT
/// Free blocks of the NORMAL zone that one CPU keeps for itself, so that most allocations take no
/// lock: for each of the small orders a list, last in first out, linked through the frame table.
/// Only that CPU touches it, with interrupts masked; others may read the counts.
#pragma once

#include <array>
#include <atomic>

#include "mm/frames/buddy.h"

namespace meridian {

class alignas(64) PerCpuCache {
 public:
  /// Blocks of order 0 to kOrders - 1 are cached.
  static constexpr unsigned kOrders = 6;

  constexpr PerCpuCache() = default;

  /// The block that came last, with `head` as its new entry; frame 0, which is never free, if there
  /// is none.
  Frame pop(FrameTable& table, unsigned order, u64 head) {
    std::atomic<u64>& list = lists_[order];
    const u64 word = list.load(std::memory_order_relaxed);
    const Frame frame = Frame::from_number(Head::decode(word));
    if (frame == Frame()) [[unlikely]]
      return frame;
    FrameInfo& info = table[frame];
    const u64 next = info.head() & Head::kMask;
    list.store(next | ((word + 1) & Room::kMask), std::memory_order_relaxed);
    info.set_head(head);
    return frame;
  }

  /// Keeps a block, whose entry is `info`. True when the list has become longer than it should:
  /// then call spill().
  bool push(FrameInfo& info, Frame frame, unsigned order) {
    std::atomic<u64>& list = lists_[order];
    const u64 word = list.load(std::memory_order_relaxed);
    const u64 next = word & Head::kMask;
    info.set_head(FrameInfo::linked(FrameOwner::cached, order, 0) | next);
    const u64 now = frame.number() << Head::kLow | ((word - 1) & Room::kMask);
    list.store(now, std::memory_order_relaxed);
    return Negative::is_set(now);
  }

  /// Takes blocks from the zone until there is a batch of them, or the zone has no more. True if
  /// there is at least one.
  bool refill(FrameTable& table, Buddy& zone, unsigned order);

  /// Gives a batch back to the zone if the list is too long.
  void spill(FrameTable& table, Buddy& zone, unsigned order);

  /// Gives everything back.
  void drain(FrameTable& table, Buddy& zone);

  /// Frames in it.
  u64 frames() const;

 private:
  /// How many blocks of an order are kept at most, and how many move at once: two MiB or so for
  /// all.
  static constexpr std::array<u64, kOrders> kCapacity{256, 16, 8, 4, 2, 2};
  static constexpr std::array<u64, kOrders> kBatch{128, 8, 4, 2, 1, 1};

  // A list is one word, so that its two parts are never seen apart: the first block's frame number
  // (0 is none) where an entry has its link, and below it how many more blocks the list should
  // take.
  using Head = FrameInfo::Next;
  using Room = Field<Head::kLow - 1, 0>;
  using Negative = Bit<Head::kLow - 1>;
  i64 room(unsigned order) const;

  void push_run(FrameTable& table, unsigned order, FrameRange run);
  FrameRange unlink_run(FrameTable& table, unsigned order, u64 count);
  void give_back(FrameTable& table, Buddy& zone, unsigned order, u64 count);

  std::array<std::atomic<u64>, kOrders> lists_{kCapacity[0], kCapacity[1], kCapacity[2],
                                               kCapacity[3], kCapacity[4], kCapacity[5]};
};

}  // namespace meridian
