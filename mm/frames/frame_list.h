// SPDX-License-Identifier: MIT
/// A list of blocks, linked both ways by frame number through their first frames' entries. Whoever
/// owns the list guards it. Frame 0 is in no list: number 0 ends it.
#pragma once

#include "mm/frames/frame_table.h"

namespace meridian {

class FrameList {
 public:
  constexpr FrameList() = default;

  bool is_empty() const { return first_ == 0; }
  /// The block that was pushed last; the list is not empty.
  Frame front() const { return Frame::from_number(first_); }

  /// Links the block of `frame`, whose entry becomes `head` plus the link.
  void push(FrameTable& table, Frame frame, u64 head) {
    FrameInfo& info = table[frame];
    info.set_head(head | first_ << FrameInfo::Next::kLow);
    info.set_previous(0);
    if (first_ != 0) table[front()].set_previous(frame.number());
    first_ = frame.number();
  }

  /// Unlinks a block; its entry becomes `head`.
  void remove(FrameTable& table, Frame frame, u64 head) {
    FrameInfo& info = table[frame];
    const u64 next = FrameInfo::Next::decode(info.head());
    const u64 previous = info.previous();
    info.set_head(head);
    if (next != 0) table[Frame::from_number(next)].set_previous(previous);
    if (previous != 0)
      table[Frame::from_number(previous)].set_next(next);
    else
      first_ = next;
  }

 private:
  u64 first_ = 0;
};

}  // namespace meridian
