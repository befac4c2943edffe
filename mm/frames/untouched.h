// SPDX-License-Identifier: MIT
/// Memory that is free but was never used: it has no frame table entries yet, and waits here as a
/// few runs of frames, however large they are. This is why boot costs the same with any amount of
/// RAM.
#pragma once

#include <array>

#include "mm/frames/memory_map.h"
#include "mm/frames/zone.h"

namespace meridian {

class Untouched {
 public:
  constexpr Untouched() = default;

  /// Adds a run; runs come in ascending order, and each lies in one zone. CHECKs that it fits: the
  /// memory map's free runs, cut at two zone bounds and where the early allocator stands.
  void add(FrameRange run, ZoneKind zone);

  /// The lowest run of a zone; count 0 when there is none.
  FrameRange first_run(ZoneKind zone) const;

  /// Takes up to `count` frames off the front of a zone's lowest run; count 0 when there is none.
  FrameRange take_front(ZoneKind zone, u64 count);

  /// The run that `frame` is in; count 0 if it is in none.
  FrameRange run_of(Frame frame) const;

  u64 frames(ZoneKind zone) const { return totals_[static_cast<usize>(zone)]; }

  /// Adds to `blocks` the blocks that a zone's runs will make.
  void count_blocks(ZoneKind zone, std::array<u64, kMaxOrder + 1>& blocks) const;

 private:
  struct Run {
    FrameRange frames;
    ZoneKind zone;
  };
  static constexpr usize kMaxRuns = MemoryMap::kMaxBanks + MemoryMap::kMaxReservations + 4;

  std::array<Run, kMaxRuns> runs_{};
  usize count_ = 0;
  std::array<u64, kZones> totals_{};
};

}  // namespace meridian
