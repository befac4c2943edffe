// SPDX-License-Identifier: MIT
/// Memory fragmented on purpose: every free block is taken but single frames whose neighbours are
/// taken.
#pragma once

#include "kernel/tour/held_blocks.h"

namespace meridian {

/// Machines with more RAM than this would take too long to break up.
inline constexpr u64 kMaxFragmentedFrames = 16_GiB >> kPageShift;

class [[nodiscard]] Fragmentation {
 public:
  /// Breaks memory up until no two free frames are neighbours.
  static Fragmentation make();
  Fragmentation(Fragmentation&&) = default;
  ~Fragmentation() { undo(); }

  /// Gives every held block back.
  void undo();

 private:
  Fragmentation() = default;
  void hold_every_second(u64 singles);

  HeldBlocks held_;
};

}  // namespace meridian
