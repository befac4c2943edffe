// SPDX-License-Identifier: MIT
/// The frame allocator as a whole: the table, the zones, a cache for each CPU in front of NORMAL,
/// and the untouched memory behind. frames.h is its face; there is one in the kernel, and tests
/// make their own.
///
/// Conservation: a frame of managed memory is at any moment in exactly one of: untouched memory, a
/// zone's lists, a CPU's cache, an owner's hands, behind the frame table.
#pragma once

#include <arch/cpu.h>
#include <arch/irq.h>

#include "mm/frames/failure_injection.h"
#include "mm/frames/frames.h"
#include "mm/frames/growth.h"
#include "mm/frames/percpu_cache.h"
#include "mm/frames/poison.h"

namespace meridian {

class FrameAllocator {
 public:
  constexpr FrameAllocator() = default;
  FrameAllocator(const FrameAllocator&) = delete;
  FrameAllocator& operator=(const FrameAllocator&) = delete;

  // Each as in frames.h.
  Result<void> start(const MemoryMap& map, const EarlyFrames& early, VirtRange table,
                     TableBacking* backing);
  [[gnu::always_inline]] Result<Frame> alloc(unsigned order, FrameOwner owner, ZoneKind highest);
  [[gnu::always_inline]] void free(Frame frame, unsigned order);
  Result<void> try_free(Frame frame, unsigned order, FrameOwner owner);
  FrameState state(Frame frame);
  void drain_cache();
  ZoneStats zone_stats(ZoneKind kind);
  FrameStats stats();
  u64 free_frames();
  u64 common_frames();
  u64 kept_frames() const { return kept_; }
  u64 cached_frames(unsigned cpu) const { return caches_[cpu].frames(); }
  ZoneKind zone_of(Frame frame) const;
  FrameTable& table() { return table_; }

 private:
  struct Block {
    Frame frame;
    ZoneKind zone;
  };

  Result<Frame> alloc_slowly(unsigned order, FrameOwner owner, ZoneKind highest);
  bool is_for_programs(FrameOwner owner) const {
    return owner == FrameOwner::user || owner == FrameOwner::page_cache;
  }
  std::optional<Block> take(unsigned order, ZoneKind highest);
  std::optional<Frame> take_from(Zone& zone, unsigned order);
  std::optional<Frame> take_through_cache(unsigned order);
  void spill_cache(unsigned order);
  void free_slowly(Frame frame, unsigned order);
  bool grow(Zone& zone);
  FrameState state_from_table(Frame frame) const;
  FrameState state_from_map(const Growth& growth, Frame frame) const;
  void set_zone_extents(const MemoryMap& map);
  Frame count_owners(const Growth& growth, FrameRange run, FrameStats& stats) const;
  /// True if NORMAL is the first zone to try.
  bool means_normal(ZoneKind highest) const {
    return highest == ZoneKind::normal ||
           (highest == ZoneKind::highmem && zones_[static_cast<usize>(highest)].is_empty());
  }
  Zone& zone(ZoneKind kind) { return zones_[static_cast<usize>(kind)]; }

  std::array<PerCpuCache, arch::kMaxCpus> caches_;
  FrameTable table_;
  std::array<Zone, kZones> zones_{Zone(ZoneKind::dma), Zone(ZoneKind::normal),
                                  Zone(ZoneKind::highmem)};
  Locked<Growth> growth_;
  u64 kept_ = 0;  // as in frames.h
};

/// The machine's memory.
[[gnu::visibility("hidden")]] extern FrameAllocator frame_allocator;

// The two hot paths: no lock, no call. What does not fit goes to the slow ones as their last step.

inline Result<Frame> FrameAllocator::alloc(unsigned order, FrameOwner owner, ZoneKind highest) {
  if (allocation_must_fail()) return Error{Errc::out_of_frames, order};
  if (order < PerCpuCache::kOrders && means_normal(highest)) [[likely]] {
    arch::IrqGuard irq;
    const u64 head = FrameInfo::allocated(owner, order, true);
    const Frame frame = caches_[arch::cpu_index()].pop(table_, order, head);
    if (frame != Frame()) [[likely]] {
      if constexpr (kSelfChecks) check_poison(table_, frame, order);
      return frame;
    }
  }
  return alloc_slowly(order, owner, highest);
}

inline void FrameAllocator::free(Frame frame, unsigned order) {
  FrameInfo& info = table_[frame];
  const bool keep = order < PerCpuCache::kOrders && FrameInfo::is_sole_normal(info.head(), order);
  if (!keep) [[unlikely]]
    return free_slowly(frame, order);
  if constexpr (kSelfChecks) poison_frames(table_, frame, order);
  bool too_many;
  {
    arch::IrqGuard irq;
    too_many = caches_[arch::cpu_index()].push(info, frame, order);
  }
  if (too_many) [[unlikely]]
    spill_cache(order);
}

}  // namespace meridian
