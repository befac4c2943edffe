// SPDX-License-Identifier: MIT
/// Zones: parts of memory that differ in who can reach them. Each has a buddy allocator behind a
/// lock of its own.
#pragma once

#include <array>
#include <optional>

#include "kernel/sync/spinlock.h"
#include "mm/frames/buddy.h"

namespace meridian {

/// From the most wanted to the least: an allocation takes from the highest zone that will do.
enum class ZoneKind : u8 {
  dma,      // the first 16 MiB of RAM (counted from where RAM starts: on QEMU virt that is 1 GiB)
  normal,   // the rest of what the linear map reaches
  highmem,  // what it does not
};
inline constexpr unsigned kZones = 3;

/// As Linux spells them: "DMA", "Normal", "HighMem".
const char* name_of(ZoneKind kind);

/// What /proc/zoneinfo and /proc/buddyinfo need to know of a zone. All counts are in frames.
struct ZoneStats {
  ZoneKind kind;
  FrameRange span;  // from its first to its last frame of RAM, holes included; count 0 when empty
  u64 present;      // RAM in it
  u64 managed;      // of that, not reserved at boot
  u64 free;         // in the free lists, in CPU caches, or never used yet
  u64 cached;       // of those: in CPU caches
  u64 untouched;    // of those: never used yet, and without frame table entries
  /// Free blocks of each order, untouched memory counted as the blocks it will make.
  std::array<u64, kMaxOrder + 1> blocks;
};

}  // namespace meridian
