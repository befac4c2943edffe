// SPDX-License-Identifier: MIT
/// The questions about memory that people ask: whose is this frame, how much is free, who has the
/// rest. Other CPUs go on allocating meanwhile, so an answer was true at some moment, each part for
/// itself.
#include <algorithm>

#include "mm/frames/frame_allocator.h"

namespace meridian {

namespace {

FrameRange block_of(Frame frame, unsigned order) {
  const u64 size = u64{1} << order;
  return {Frame::from_number(align_down(frame.number(), size)), size};
}

/// Untouched memory is free in the largest blocks that it will make.
FrameState state_in_untouched(FrameRange run, Frame frame) {
  unsigned order = kMaxOrder;
  const auto fits = [&](FrameRange block) {
    return run.contains(block.first) && run.contains(block.end() - 1);
  };
  while (!fits(block_of(frame, order))) --order;
  return {FrameOwner::free, block_of(frame, order).first, order, 0};
}

}  // namespace

FrameState FrameAllocator::state(Frame frame) {
  return growth_.with([&](Growth& growth) {
    if (!growth.is_started()) return FrameState{FrameOwner::none, frame, 0, 0};
    return state_from_map(growth, frame);
  });
}

/// The map first, because it knows every frame there is; the table only where it has entries.
FrameState FrameAllocator::state_from_map(const Growth& growth, Frame frame) const {
  const auto alone = [&](FrameOwner owner) { return FrameState{owner, frame, 0, 0}; };
  if (!growth.map().is_ram(frame)) return alone(FrameOwner::none);
  const FrameRange untouched = growth.untouched().run_of(frame);
  if (untouched.count != 0) return state_in_untouched(untouched, frame);
  if (growth.is_backed(frame)) {
    const FrameState found = state_from_table(frame);
    if (found.owner != FrameOwner::none) return found;
  }
  if (growth.map().is_reserved(frame) || frame == Frame()) return alone(FrameOwner::reserved);
  if (growth.early().has_taken(frame)) return alone(FrameOwner::table);
  return alone(FrameOwner::frame_table);  // growth took it before it had an entry
}

/// Goes through the blocks that `frame` could be in, smallest first; all lie where the table is
/// backed.
FrameState FrameAllocator::state_from_table(Frame frame) const {
  for (unsigned order = 0; order <= kMaxOrder; ++order) {
    const u64 number = align_down(frame.number(), u64{1} << order);
    const FrameInfo& info = table_[Frame::from_number(number)];
    if (info.owner() == FrameOwner::none || info.order() < order) continue;
    const Frame first = Frame::from_number(align_down(number, u64{1} << info.order()));
    return {info.owner(), first, info.order(), info.is_allocated() ? info.references() : 0};
  }
  return {FrameOwner::none, frame, 0, 0};
}

ZoneStats FrameAllocator::zone_stats(ZoneKind kind) {
  Zone& zone = this->zone(kind);
  ZoneStats stats{};
  stats.kind = kind;
  stats.span = zone.extent().span;
  stats.present = zone.extent().present;
  stats.managed = zone.extent().managed;
  growth_.with([&](Growth& growth) {
    zone.with_buddy([&](Buddy& buddy) {
      stats.blocks = buddy.blocks();
      stats.free = buddy.free_frames();
    });
    growth.untouched().count_blocks(kind, stats.blocks);
    stats.untouched = growth.untouched().frames(kind);
  });
  if (kind == ZoneKind::normal)
    for (const PerCpuCache& cache : caches_) stats.cached += cache.frames();
  stats.free += stats.untouched + stats.cached;
  return stats;
}

u64 FrameAllocator::free_frames() {
  u64 free = 0;
  for (const Zone& zone : zones_) free += zone_stats(zone.kind()).free;
  return free;
}

u64 FrameAllocator::common_frames() {
  u64 free = 0;
  for (const Zone& each : zones_) {
    if (each.is_empty()) continue;
    free += zone(each.kind()).with_buddy([](Buddy& buddy) { return buddy.free_frames(); });
    free += growth_.with([&](Growth& growth) { return growth.untouched().frames(each.kind()); });
  }
  return free;
}

FrameStats FrameAllocator::stats() {
  FrameStats stats{};
  for (const Zone& zone : zones_) {
    stats.present += zone.extent().present;
    stats.managed += zone.extent().managed;
    stats.free += zone_stats(zone.kind()).free;
  }
  const auto reserved = static_cast<usize>(FrameOwner::reserved);
  stats.by_owner[reserved] = stats.present - stats.managed;
  // One run at a time, so that interrupts are not masked for all of them.
  Frame at;
  while (growth_.with([&](Growth& growth) {
    if (!growth.is_started()) return false;
    FrameRange run = growth.map().next_free(at);
    run.count = std::min(run.count, Growth::kSectionFrames);
    at = count_owners(growth, run, stats);
    return run.count != 0;
  })) {
  }
  return stats;
}

/// Counts the blocks that start in [run], and returns where the next one starts.
Frame FrameAllocator::count_owners(const Growth& growth, FrameRange run, FrameStats& stats) const {
  const auto count = [&](FrameOwner owner) -> u64& {
    return stats.by_owner[static_cast<usize>(owner)];
  };
  Frame at = run.first;
  while (at < run.end()) {
    const FrameRange untouched = growth.untouched().run_of(at);
    if (untouched.count != 0) {
      count(FrameOwner::free) += untouched.count;
      at = untouched.end();
      continue;
    }
    const FrameState found = state_from_map(growth, at);
    count(found.owner) += u64{1} << found.order;
    at = at + (u64{1} << found.order);
  }
  return at;
}

}  // namespace meridian
