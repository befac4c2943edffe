// SPDX-License-Identifier: MIT
/// The frames behind programs' memory. One frame may be mapped in several places and kept by a
/// file's cache at once; each of these holds a reference, and the last to let go frees it.
#pragma once

#include <arch/memory.h>

#include <utility>

#include "mm/frames/frames.h"
#include "mm/kernel/kmap.h"

namespace meridian {

/// Gives one reference back; the last one frees the frame.
inline void drop_user_frame(Frame frame) {
  if (frame_info(frame).drop_reference() == 0) free_frame(frame);
}

/// Is it anonymous memory that nobody else has?
inline bool is_sole_owner(Frame frame) {
  return frame_info(frame).is_sole(FrameOwner::user);
}

/// One reference to a frame, or none.
class [[nodiscard]] FrameRef {
 public:
  FrameRef() = default;
  /// Takes over a reference that the caller has.
  static FrameRef adopt(Frame frame) {
    FrameRef ref;
    ref.frame_ = frame;
    return ref;
  }
  /// One more reference to a frame that somebody holds.
  static FrameRef share(Frame frame) {
    frame_info(frame).add_reference();
    return adopt(frame);
  }

  FrameRef(FrameRef&& other) noexcept : frame_(other.let_go()) {}
  FrameRef& operator=(FrameRef&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~FrameRef() {
    if (frame_ != Frame()) drop_user_frame(frame_);
  }

  Frame frame() const { return frame_; }
  explicit operator bool() const { return frame_ != Frame(); }
  /// The reference is the caller's now.
  Frame let_go() { return std::exchange(frame_, Frame()); }

 private:
  Frame frame_;
};

/// A fresh frame of zeros, with or without a linear address. Errc::out_of_frames.
inline Result<FrameRef> new_zeroed_frame(FrameOwner owner) {
  FrameRef fresh = FrameRef::adopt(TRY(alloc_frame(owner, ZoneKind::highmem)));
  arch::clear_page(KmapLocal(fresh.frame()).pointer());
  return fresh;
}

}  // namespace meridian
