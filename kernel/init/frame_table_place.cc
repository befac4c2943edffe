// SPDX-License-Identifier: MIT
#include "kernel/init/memory.h"
#include "kernel/log/log.h"
#include "mm/kernel/kernel_space.h"

namespace meridian {
namespace {

/// Bytes that the frame table needs for RAM up to `end`: its first entry is the linear map's first
/// frame, and blocks are whole.
u64 table_bytes(PhysAddr end) {
  const u64 block = kMaxBlockFrames * kPageSize;
  return (end.align_up(block) - linear_map.phys().start()) / kPageSize * sizeof(FrameInfo);
}

/// A layout without a region for the frame table has it in the linear map, like mem_map on i386: in
/// one piece, set apart at the top of what RAM is there. Returns its addresses.
VirtRange reserve_frame_table(MemoryMap& memory) {
  const u64 size = align_up(table_bytes(memory.banks().back().end()), kPageSize);
  PhysRange place;
  memory.for_each_free([&](FrameRange run) {
    const PhysRange free = run.bytes();
    const PhysAddr reach = linear_map.phys().end();
    if (free.start() >= reach) return;
    const PhysAddr end = free.end() < reach ? free.end() : reach;
    if (end - free.start() >= size) place = {end - size, size};
  });
  if (place.is_empty()) stop_boot("there is no room for a frame table of {}", Bytes{size});
  reserve(memory, place, "Frame table");
  return {linear_map.to_virt(place.start()).value(), size};
}

/// RAM that the frame table has no entries for is left out. In the linear map the table may take a
/// quarter, so that most of it is left.
void leave_out_undescribed(MemoryMap& memory) {
  const Region* region = current_layout().find(RegionKind::frame_table);
  const u64 most = region != nullptr ? region->size() : linear_map.phys().size() / 4;
  const u64 block = kMaxBlockFrames * kPageSize;
  const u64 described = align_down(most / sizeof(FrameInfo) * kPageSize, block);
  const u64 lost = memory.limit_address(linear_map.phys().start() + described);
  if (lost != 0)
    log("memory", "{} of RAM are left out: layout {} has no frame table for them", Bytes{lost},
        current_layout().name);
}

}  // namespace

TablePlace place_frame_table(MemoryMap& memory) {
  leave_out_undescribed(memory);
  if (const Region* region = current_layout().find(RegionKind::frame_table))
    return {region->range(), &frame_table_backing()};
  return {reserve_frame_table(memory), nullptr};
}

}  // namespace meridian
