// SPDX-License-Identifier: MIT
/// Memory fragmented on purpose: every free block is taken but single frames whose neighbours are
/// taken. The frames that are held carry their own list, so the state fits in a few words.
#pragma once

#include "mm/frames/frames.h"

namespace meridian {

/// Machines with more RAM than this would take too long to break up.
inline constexpr u64 kMaxFragmentedFrames = 16_GiB >> kPageShift;

class [[nodiscard]] Fragmentation {
 public:
  /// Breaks memory up until no two free frames are neighbours.
  static Fragmentation make();
  Fragmentation(Fragmentation&& other) : held_(other.held_) { other.held_ = 0; }
  ~Fragmentation() { undo(); }

  /// Gives every held block back.
  void undo();

 private:
  Fragmentation() = default;
  void hold(Frame block, unsigned order);
  void hold_every_second(u64 singles);
  void hold_all_blocks_of(unsigned order);

  u64 held_ = 0;  // the frame number of the last block held; 0 ends the list
};

}  // namespace meridian
