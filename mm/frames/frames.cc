// SPDX-License-Identifier: MIT
#include "mm/frames/frames.h"

#include "mm/frames/frame_allocator.h"

namespace meridian {

constinit FrameAllocator frame_allocator;
constinit FrameTable the_frame_table;

Result<void> frames_start(const MemoryMap& map, const EarlyFrames& early, VirtRange table,
                          TableBacking* backing) {
  TRY(frame_allocator.start(map, early, table, backing));
  the_frame_table = frame_allocator.table();
  return {};
}

Result<Frame> alloc_block(unsigned order, FrameOwner owner, ZoneKind highest) {
  return frame_allocator.alloc(order, owner, highest);
}

void free_block(Frame frame, unsigned order) { frame_allocator.free(frame, order); }

Result<Frame> alloc_frame(FrameOwner owner, ZoneKind highest) {
  return frame_allocator.alloc(0, owner, highest);
}

void free_frame(Frame frame) { frame_allocator.free(frame, 0); }

Result<void> try_free_frames(Frame frame, unsigned order, FrameOwner owner) {
  return frame_allocator.try_free(frame, order, owner);
}

FrameTable& frame_table() { return frame_allocator.table(); }
FrameState frame_state(Frame frame) { return frame_allocator.state(frame); }
void drain_frame_cache() { frame_allocator.drain_cache(); }
ZoneStats zone_stats(ZoneKind kind) { return frame_allocator.zone_stats(kind); }
FrameStats frame_stats() { return frame_allocator.stats(); }
u64 common_frame_count() { return frame_allocator.common_frames(); }
u64 kept_frames() { return frame_allocator.kept_frames(); }
u64 free_frame_count() { return frame_allocator.free_frames(); }
u64 cached_frames(unsigned cpu) { return frame_allocator.cached_frames(cpu); }
ZoneKind zone_of(Frame frame) { return frame_allocator.zone_of(frame); }

}  // namespace meridian
