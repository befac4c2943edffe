// SPDX-License-Identifier: MIT
/// Zones: parts of memory that differ in who can reach them. Each has a buddy allocator behind a
/// lock of its own. No free block is in two zones: a bound is a multiple of the largest block, or
/// the frame below it is reserved, so that of two buddies with the bound between them one is never
/// free.
#pragma once

#include <array>
#include <optional>

#include "kernel/sync/spinlock.h"
#include "mm/frames/buddy.h"

namespace meridian {

/// An allocation takes from the highest zone that will do, so that the rare memory is kept.
enum class ZoneKind : u8 {
  dma,      // the first 16 MiB of RAM (counted from where RAM starts: on QEMU virt that is 1 GiB)
  normal,   // the rest of what the linear map reaches
  highmem,  // what it does not
};
inline constexpr usize kZones = 3;
inline constexpr u64 kDmaZoneSize = 16_MiB;

/// As Linux spells them: "DMA", "Normal", "HighMem".
const char* name_of(ZoneKind kind);

/// What /proc/zoneinfo and /proc/buddyinfo need to know of a zone. All counts but `blocks` are in
/// frames.
struct ZoneStats {
  ZoneKind kind;
  FrameRange span;  // from its first to its last frame of RAM, holes included; count 0 when empty
  u64 present;      // RAM in it
  u64 managed;      // of that, not reserved at boot
  u64 free;         // in the free lists, in CPU caches, or never used yet
  u64 cached;       // of those: in CPU caches
  u64 untouched;    // of those: never used yet, and without frame table entries
  /// Free blocks of each order in the zone's lists (not in CPU caches), untouched memory counted as
  /// the blocks it will make.
  std::array<u64, kMaxOrder + 1> blocks;
};

class Zone {
 public:
  constexpr explicit Zone(ZoneKind kind) : kind_(kind) {}

  /// Boot only: the frames that belong to it, the span of its RAM, and how much there is.
  struct Extent {
    FrameRange bounds, span;
    u64 present = 0, managed = 0;
  };
  void set_extent(const Extent& extent) { extent_ = extent; }

  ZoneKind kind() const { return kind_; }
  const Extent& extent() const { return extent_; }
  bool contains(Frame frame) const { return extent_.bounds.contains(frame); }
  bool is_empty() const { return extent_.present == 0; }

  std::optional<Frame> take(FrameTable& table, unsigned order) {
    return buddy_.with([&](Buddy& buddy) { return buddy.take(table, order); });
  }
  void put(FrameTable& table, Frame frame, unsigned order) {
    buddy_.with([&](Buddy& buddy) { buddy.put(table, frame, order); });
  }
  void put_range(FrameTable& table, FrameRange range) {
    buddy_.with([&](Buddy& buddy) { buddy.put_range(table, range); });
  }
  /// Runs `use(Buddy&)` under the lock.
  template <typename Use>
  auto with_buddy(Use&& use) {
    return buddy_.with(std::forward<Use>(use));
  }

 private:
  ZoneKind kind_;
  Extent extent_;
  Locked<Buddy> buddy_;
};

}  // namespace meridian
