// SPDX-License-Identifier: MIT
/// alloc_pages.*: blocks of frames of each order, in pairs and in batches.
#include <array>

#include "kernel/bench/bench.h"
#include "mm/frames/frames.h"

namespace meridian {
namespace {

constexpr u64 kPairs = 10'000;
constinit std::array<Frame, 4096> batch;

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

/// Fills `batch` and returns how many frames it got: all, or those before memory ran out.
usize fill_batch() {
  usize got = 0;
  for (Frame& slot : batch) {
    const Result<Frame> frame = alloc_frames(0, FrameOwner::kernel);
    if (!frame.has_value()) break;
    slot = frame.value();
    ++got;
  }
  return got;
}

void free_batch(usize count) {
  for (usize i = 0; i < count; ++i) free_frames(batch[i], 0);
}

Result<void> alloc_batch(BenchRun& run) {
  run.start();
  const usize got = fill_batch();
  run.stop(batch.size());
  free_batch(got);
  if (got != batch.size()) return Error{Errc::out_of_frames, got};
  return {};
}

Result<void> free_batch_row(BenchRun& run) {
  const usize got = fill_batch();
  run.start();
  free_batch(got);
  run.stop(batch.size());
  if (got != batch.size()) return Error{Errc::out_of_frames, got};
  return {};
}

constexpr BenchRow kRows[] = {
    {"alloc_pages.pair.order0", pair<0>}, {"alloc_pages.pair.order1", pair<1>},
    {"alloc_pages.pair.order2", pair<2>}, {"alloc_pages.pair.order3", pair<3>},
    {"alloc_pages.pair.order5", pair<5>}, {"alloc_pages.pair.order9", pair<9>},
    {"alloc_pages.batch.order0", alloc_batch}, {"free_pages.batch.order0", free_batch_row},
};

}  // namespace

std::span<const BenchRow> frame_rows() { return kRows; }

}  // namespace meridian
