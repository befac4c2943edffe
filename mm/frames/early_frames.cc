// SPDX-License-Identifier: MIT
#include "mm/frames/early_frames.h"

#include <algorithm>

#include "mm/frames/zone.h"

namespace meridian {

EarlyFrames::EarlyFrames(const MemoryMap& map, PhysRange reach) : map_(&map) {
  const Frame zero, end(PhysAddr(MemoryMap::kPhysicalEnd));
  const Frame ram_start = map.banks().empty() ? zero : Frame(map.banks().front().start());
  const Frame reach_end = Frame::containing(reach.end());
  const Frame dma_end = std::min(ram_start + kDmaZoneSize / kPageSize, reach_end);
  windows_[0] = {dma_end, dma_end, reach_end};
  windows_[1] = {zero, zero, dma_end};
  windows_[2] = {reach_end, reach_end, end};  // nothing is ever taken here
}

Result<Frame> EarlyFrames::alloc() {
  for (Window* w = windows_; w != windows_ + 2; ++w) {
    const FrameRange run = map_->next_free(w->next);
    if (run.count == 0 || run.first >= w->end) continue;
    w->next = run.first + 1;
    ++taken_;
    return run.first;
  }
  return Error{Errc::out_of_frames, 0};
}

bool EarlyFrames::has_taken(Frame frame) const {
  return std::ranges::any_of(windows_, [&](const Window& w) {
    return w.start <= frame && frame < w.next && map_->is_ram(frame) && !map_->is_reserved(frame);
  });
}

FrameRange EarlyFrames::cut(FrameRange run, FrameRange window) {
  const Frame start = std::max(run.first, window.first);
  const Frame end = std::min(run.end(), window.end());
  return start < end ? FrameRange{start, end - start} : FrameRange{};
}

}  // namespace meridian
