// SPDX-License-Identifier: MIT
/// The buddy allocator of one zone: free blocks of 2^0 to 2^kMaxOrder frames, naturally aligned, in
/// one list per order that is linked by frame number through the frame table. Two free halves of a
/// block are never both in a list: they are joined. The zone's lock guards it.
#pragma once

#include <array>
#include <bit>
#include <optional>

#include "mm/frames/frame_list.h"

namespace meridian {

/// The order of the largest block that may start at frame `number` and has at most `count` frames.
/// Neither is 0.
constexpr unsigned largest_order(u64 number, u64 count) {
  const unsigned aligned = static_cast<unsigned>(std::countr_zero(number));
  const unsigned fitting = static_cast<unsigned>(std::bit_width(count)) - 1;
  const unsigned order = aligned < fitting ? aligned : fitting;
  return order < kMaxOrder ? order : kMaxOrder;
}

class Buddy {
 public:
  constexpr Buddy() = default;

  /// A free block of 2^order frames, its entry `none`; nothing when no block is large enough.
  std::optional<Frame> take(FrameTable& table, unsigned order);

  /// Up to `count` blocks of 2^order frames, their entries `none`, small blocks used up first:
  /// calls `sink(FrameRange)` for runs of them. Returns how many blocks.
  template <typename Sink>
  u64 take_batch(FrameTable& table, unsigned order, u64 count, Sink&& sink);

  /// A block comes back, its entries all `none`; it is joined with its free neighbours.
  void put(FrameTable& table, Frame frame, unsigned order);
  /// The same for any run of frames.
  void put_range(FrameTable& table, FrameRange range);

  u64 free_frames() const { return free_frames_; }
  const std::array<u64, kMaxOrder + 1>& blocks() const { return counts_; }

 private:
  void push(FrameTable& table, Frame frame, unsigned order);
  void remove(FrameTable& table, Frame frame, unsigned order);
  /// A block of the smallest order of at least `order` that has one, unlinked; sets `order` to its
  /// order.
  std::optional<Frame> pop_smallest(FrameTable& table, unsigned& order);
  /// Gives the upper halves of a block of order `have` back until it has order `want`.
  void split(FrameTable& table, Frame frame, unsigned have, unsigned want);

  std::array<FrameList, kMaxOrder + 1> lists_{};
  std::array<u64, kMaxOrder + 1> counts_{};  // blocks in each list
  u64 free_frames_ = 0;
  u32 nonempty_ = 0;  // bit k: list k has a block
};

template <typename Sink>
u64 Buddy::take_batch(FrameTable& table, unsigned order, u64 count, Sink&& sink) {
  u64 got = 0;
  while (got < count) {
    unsigned have = order;
    const std::optional<Frame> block = pop_smallest(table, have);
    if (!block) break;
    const unsigned fit = order + static_cast<unsigned>(std::bit_width(count - got)) - 1;
    if (have > fit) {
      split(table, *block, have, fit);
      have = fit;
    }
    sink(FrameRange{*block, u64{1} << have});
    got += u64{1} << (have - order);
  }
  return got;
}

}  // namespace meridian
