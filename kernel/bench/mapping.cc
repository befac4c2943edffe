// SPDX-License-Identifier: MIT
/// vmalloc.*, vmap.*, kmap_local.*, ioremap.*, and what it costs to ask for a translation.
#include "kernel/bench/batch.h"
#include "kernel/init/system.h"
#include "mm/frames/frames.h"
#include "mm/kernel/ioremap.h"
#include "mm/kernel/kmap.h"
#include "mm/kernel/linear_map.h"
#include "mm/kernel/vmalloc.h"
#include "mm/paging/attributes.h"

namespace meridian {
namespace {

template <usize kPages>
Result<void> vmalloc_pair(BenchRun& run) {
  constexpr u64 kPairs = kPages >= 256 ? 200 : 2000;
  run.start();
  for (u64 i = 0; i < kPairs; ++i) vfree(TRY(vmalloc(kPages * kPageSize)));
  run.stop(kPairs);
  return {};
}

constexpr Allocator<void*> kAreas{
    .allocate = [] { return vmalloc(kPageSize); },
    .free = vfree,
};
using AreaBatch = Batch<void*, kAreas>;

Result<void> vmap_pairs(BenchRun& run, const Frame& frame) {
  constexpr u64 kPairs = 2000;
  run.start();
  for (u64 i = 0; i < kPairs; ++i) vunmap(TRY(vmap({&frame, 1}, kKernelData)));
  run.stop(kPairs);
  return {};
}

Result<void> vmap_pair(BenchRun& run) {
  const Frame frame = TRY(alloc_frame(FrameOwner::kernel));
  const Result<void> done = vmap_pairs(run, frame);
  free_frame(frame);
  return done;
}

/// A visit to a frame that is as hard to reach as there are. With a linear address it comes to the
/// question whether there is one, three instructions, and the loop's two: which frames have one is
/// chosen at boot. (A kernel that knows when it is compiled pays nothing, and its loop is gone.)
Result<void> kmap_local_pair(BenchRun& run) {
  constexpr u64 kPairs = 10'000;
  const Frame frame = TRY(alloc_frame(FrameOwner::kernel, ZoneKind::highmem));
  run.start();
  for (u64 i = 0; i < kPairs; ++i) KmapLocal{frame};
  run.stop(kPairs);
  free_frame(frame);
  return {};
}

/// The registers of a device that is always there; they are mapped and unmapped, never touched.
Result<void> ioremap_pair(BenchRun& run) {
  constexpr u64 kPairs = 2000;
  const PhysRange registers = the_system().machine.uart.registers;
  run.start();
  for (u64 i = 0; i < kPairs; ++i) iounmap(TRY(ioremap(registers)));
  run.stop(kPairs);
  return {};
}

/// Another address each time, so that the conversion is made each time; and the loop is unrolled,
/// because its own decrement and branch would be half of the figure.
Result<void> virt_to_phys(BenchRun& run) {
  constexpr u64 kCalls = 100'000;
  volatile u64 sink = 0;
  const u8* const object = linear_map.pointer<u8>(linear_map.phys().start());
  run.start();
#pragma GCC unroll 50
  for (u64 i = 0; i < kCalls; ++i) sink = linear_map.phys_of(object + i).value();
  run.stop(kCalls);
  static_cast<void>(sink);
  return {};
}

Result<void> vmalloc_to_page(BenchRun& run) {
  constexpr u64 kCalls = 10'000;
  volatile u64 sink = 0;
  void* area = TRY(vmalloc(kPageSize));
  run.start();
  for (u64 i = 0; i < kCalls; ++i) sink = vmalloc_to_frame(area).value().number();
  run.stop(kCalls);
  static_cast<void>(sink);
  vfree(area);
  return {};
}

constexpr BenchRow kRows[] = {
    {"vmalloc.pair.1p", vmalloc_pair<1>},
    {"vmalloc.pair.4p", vmalloc_pair<4>},
    {"vmalloc.pair.16p", vmalloc_pair<16>},
    {"vmalloc.pair.64p", vmalloc_pair<64>},
    {"vmalloc.pair.256p", vmalloc_pair<256>},
    {"vmalloc.pair.1024p", vmalloc_pair<1024>},
    {"vmalloc.batch.1p", AreaBatch::time_allocation},
    {"vfree.batch.1p", AreaBatch::time_freeing},
    {"vmap.pair.1p", vmap_pair},
    {"kmap_local.pair", kmap_local_pair},
    {"ioremap.pair", ioremap_pair},
    {"virt_to_phys", virt_to_phys},
    {"vmalloc_to_page.walk", vmalloc_to_page},
};

}  // namespace

std::span<const BenchRow> mapping_rows() { return kRows; }

}  // namespace meridian
