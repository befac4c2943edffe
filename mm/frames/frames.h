// SPDX-License-Identifier: MIT
/// Physical memory, for everybody who wants some: blocks of 2^order frames, contiguous, naturally
/// aligned, not zeroed. Any CPU, any context (interrupts are masked inside).
#pragma once

#include "mm/frames/early_frames.h"
#include "mm/frames/frame_table.h"
#include "mm/frames/zone.h"

namespace meridian {

/// Takes over all memory of `map` (which must live on) but what `early` has taken. The linear map
/// must stand: it says what is DMA, NORMAL and HIGHMEM (where it ends in the middle of a largest
/// block, its last frame must be reserved: see zone.h). `table` is the layout's region for the
/// frame table, and its first entry is the linear map's first frame. Costs the same however much
/// RAM there is: parts of the table are backed, through `backing`, when the first of their frames
/// is used (null: memory is behind all of it, and those parts are only cleared). Errc::too_large if
/// RAM goes beyond what the region can describe; then nothing changes.
Result<void> frames_start(const MemoryMap& map, const EarlyFrames& early, VirtRange table,
                          TableBacking* backing);

/// One frame for `owner`, from zone `highest` or a lower one; Errc::out_of_frames. What most want,
/// and the fastest.
Result<Frame> alloc_frame(FrameOwner owner, ZoneKind highest = ZoneKind::normal);
/// Gives it back. CHECKs that it was given out alone and has no further references.
void free_frame(Frame frame);

/// For a block of any order.
Result<Frame> alloc_block(unsigned order, FrameOwner owner, ZoneKind highest);
void free_block(Frame frame, unsigned order);

/// 2^order frames for `owner`, from zone `highest` or a lower one. Errc::too_large above kMaxOrder;
/// Errc::out_of_frames when there is no such block.
[[gnu::always_inline]] inline Result<Frame> alloc_frames(unsigned order, FrameOwner owner,
                                                         ZoneKind highest = ZoneKind::normal) {
  if (__builtin_constant_p(order) && order == 0) return alloc_frame(owner, highest);
  return alloc_block(order, owner, highest);
}

/// Gives a block back. CHECKs that it is the first frame of an allocated block of this order with
/// no further references: a double free or a wrong order is a bug that stops here.
[[gnu::always_inline]] inline void free_frames(Frame frame, unsigned order) {
  if (__builtin_constant_p(order) && order == 0) return free_frame(frame);
  free_block(frame, order);
}

/// free_frames() for a frame and an order that a person typed: Errc::not_allocated unless `owner`
/// has exactly this block and holds the only reference.
Result<void> try_free_frames(Frame frame, unsigned order, FrameOwner owner);

/// Where the table is, for frame_info(); frames_start() sets it.
[[gnu::visibility("hidden")]] extern FrameTable the_frame_table;

FrameTable& frame_table();
/// The table's entry of a frame that was given out (or of one of its block).
inline FrameInfo& frame_info(Frame frame) { return the_frame_table[frame]; }

/// What is known of any frame whatever.
struct FrameState {
  FrameOwner owner;  // none: not RAM
  Frame first;       // the block it belongs to
  unsigned order;
  u64 references;  // 0 unless allocated
};
FrameState frame_state(Frame frame);

/// Gives what this CPU's cache holds back to the zone, so that neighbours join.
void drain_frame_cache();

ZoneStats zone_stats(ZoneKind kind);

struct FrameStats {
  u64 present, managed, free;  // as in ZoneStats, of all zones
  /// Frames by owner, counted now, in the parts of the table that are backed. `reserved` is memory
  /// of the map that is not managed.
  std::array<u64, static_cast<usize>(FrameOwner::page_cache) + 1> by_owner;
};
/// Goes over all memory ever used; for people, not for hot paths.
FrameStats frame_stats();
u64 free_frame_count();
/// Those of them that any CPU can have: not in a CPU's cache.
u64 common_frame_count();
/// So many of these programs cannot have (as FrameOwner::user and page_cache): when they have taken all
/// others, the kernel can still do what it must.
u64 kept_frames();

/// Frames in one CPU's cache.
u64 cached_frames(unsigned cpu);

/// The zone that would hold `frame`.
ZoneKind zone_of(Frame frame);

}  // namespace meridian
