// SPDX-License-Identifier: MIT
/// kmalloc.*: objects of each size, in pairs and in batches.
#include <array>

#include "kernel/bench/bench.h"
#include "mm/slab/kmalloc.h"

namespace meridian {
namespace {

constexpr u64 kPairs = 10'000;
constexpr usize kBatchSize = 64;
constinit std::array<void*, 4096> batch{};

template <usize kSize>
Result<void> pair(BenchRun& run) {
  run.start();
  for (u64 i = 0; i < kPairs; ++i) kfree(TRY(kmalloc(kSize)));
  run.stop(kPairs);
  return {};
}

usize fill_batch() {
  usize got = 0;
  for (void*& slot : batch) {
    const Result<void*> object = kmalloc(kBatchSize);
    if (!object.has_value()) break;
    slot = object.value();
    ++got;
  }
  return got;
}

void free_batch(usize count) {
  for (usize i = 0; i < count; ++i) kfree(batch[i]);
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
    {"kmalloc.pair.8", pair<8>},       {"kmalloc.pair.64", pair<64>},
    {"kmalloc.pair.192", pair<192>},   {"kmalloc.pair.256", pair<256>},
    {"kmalloc.pair.1024", pair<1024>}, {"kmalloc.pair.4096", pair<4096>},
    {"kmalloc.pair.8192", pair<8192>}, {"kmalloc.pair.131072", pair<131072>},
    {"kmalloc.batch.64", alloc_batch}, {"kfree.batch.64", free_batch_row},
};

}  // namespace

std::span<const BenchRow> kmalloc_rows() { return kRows; }

}  // namespace meridian
