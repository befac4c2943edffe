// SPDX-License-Identifier: MIT
/// Frames before there is a frame table. This allocator only goes forward: it takes the free frames
/// of the memory map in order, and what it took is known from where it stands. It starts above the
/// DMA zone (the few frames that old devices reach are not for page tables) and goes there when the
/// rest is gone.
#pragma once

#include "mm/frames/memory_map.h"

namespace meridian {

class EarlyFrames {
 public:
  constexpr EarlyFrames() = default;

  /// Takes from `map`, which must outlive this, what lies below `reach.end()`: the part of RAM that
  /// the linear map has or will have.
  EarlyFrames(const MemoryMap& map, PhysRange reach);

  /// One frame, not zeroed. Errc::out_of_frames when all are gone.
  Result<Frame> alloc();

  bool has_taken(Frame frame) const;
  u64 taken() const { return taken_; }

  /// The part of [run] (one free run of the map, or a piece of one) that is still there. Calls
  /// `visit(FrameRange)` for each piece: one of them may be below the end of the DMA zone, one
  /// above.
  template <typename Visit>
  void for_each_left(FrameRange run, Visit&& visit) const {
    for (const Window& w : windows_) {
      const FrameRange left = cut(run, {w.next, w.end - w.next});
      if (left.count != 0) visit(left);
    }
  }

  /// The part of [run] that was taken, in the same way.
  template <typename Visit>
  void for_each_taken(FrameRange run, Visit&& visit) const {
    for (const Window& w : windows_) {
      const FrameRange gone = cut(run, {w.start, w.next - w.start});
      if (gone.count != 0) visit(gone);
    }
  }

 private:
  /// Free frames of [start, next) are taken, those of [next, end) are not.
  struct Window {
    Frame start, next, end;
  };
  static FrameRange cut(FrameRange run, FrameRange window);

  const MemoryMap* map_ = nullptr;
  Window windows_[3];  // in reach and above the DMA zone, the DMA zone, out of reach
  u64 taken_ = 0;
};

}  // namespace meridian
