// SPDX-License-Identifier: MIT
/// kmalloc.*: objects of each size, in pairs and in batches.
#include "mm/slab/kmalloc.h"

#include "kernel/bench/batch.h"

namespace meridian {
namespace {

constexpr u64 kPairs = 10'000;

template <usize kSize>
Result<void> pair(BenchRun& run) {
  run.start();
  for (u64 i = 0; i < kPairs; ++i) kfree(TRY(kmalloc(kSize)));
  run.stop(kPairs);
  return {};
}

constexpr Allocator<void*> kObjects{
    .allocate = [] { return kmalloc(64); },
    .free = kfree,
};
using ObjectBatch = Batch<void*, kObjects>;

constexpr BenchRow kRows[] = {
    {"kmalloc.pair.8", pair<8>},
    {"kmalloc.pair.64", pair<64>},
    {"kmalloc.pair.192", pair<192>},
    {"kmalloc.pair.256", pair<256>},
    {"kmalloc.pair.1024", pair<1024>},
    {"kmalloc.pair.4096", pair<4096>},
    {"kmalloc.pair.8192", pair<8192>},
    {"kmalloc.pair.131072", pair<131072>},
    {"kmalloc.batch.64", ObjectBatch::time_allocation},
    {"kfree.batch.64", ObjectBatch::time_freeing},
};

}  // namespace

std::span<const BenchRow> kmalloc_rows() { return kRows; }

}  // namespace meridian
