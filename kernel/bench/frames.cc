// SPDX-License-Identifier: MIT
/// alloc_pages.*: blocks of frames of each order, in pairs and in batches.
#include "mm/frames/frames.h"

#include "kernel/bench/batch.h"

namespace meridian {
namespace {

constexpr u64 kPairs = 10'000;

template <unsigned kOrder>
Result<void> pair(BenchRun& run) {
  run.start();
  for (u64 i = 0; i < kPairs; ++i) {
    const Frame frame = TRY(alloc_frames(kOrder, FrameOwner::kernel));
    free_frames(frame, kOrder);
  }
  run.stop(kPairs);
  return {};
}

constexpr Allocator<Frame> kFrames{
    .allocate = [] { return alloc_frames(0, FrameOwner::kernel); },
    .free = [](Frame frame) { free_frames(frame, 0); },
};
using FrameBatch = Batch<Frame, kFrames>;

constexpr BenchRow kRows[] = {
    {"alloc_pages.pair.order0", pair<0>},
    {"alloc_pages.pair.order1", pair<1>},
    {"alloc_pages.pair.order2", pair<2>},
    {"alloc_pages.pair.order3", pair<3>},
    {"alloc_pages.pair.order5", pair<5>},
    {"alloc_pages.pair.order9", pair<9>},
    {"alloc_pages.batch.order0", FrameBatch::time_allocation},
    {"free_pages.batch.order0", FrameBatch::time_freeing},
};

}  // namespace

std::span<const BenchRow> frame_rows() { return kRows; }

}  // namespace meridian
