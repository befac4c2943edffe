// SPDX-License-Identifier: MIT
#include "tests/kernel/settle.h"

#include <arch/clock.h>

#include "kernel/proc/process_table.h"
#include "kernel/proc/scheduler.h"
#include "mm/frames/frames.h"
#include "mm/kernel/vmalloc.h"
#include "mm/slab/slab.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

/// Those whose parents are gone end when they get a CPU.
void wait_for_processes() {
  const u64 millisecond = arch::counter_frequency() / 1000;
  const u64 deadline = arch::counter() + 20'000 * millisecond;
  const auto count = [] {
    return processes().with([](ProcessTable& table) { return table.count(); });
  };
  while (count() != 0 && arch::counter() < deadline) sleep_until(arch::counter() + millisecond);
  EXPECT_EQ(count(), 0u);
  sleep_until(arch::counter() + millisecond);  // the last ones leave their stacks
}

}  // namespace

u64 settled_free_frames() {
  wait_for_processes();
  vmalloc_flush();
  drain_slab_caches();
  const FrameStats stats = frame_stats();
  if (running_cpus() == 1) return free_frame_count();
  return stats.free + stats.by_owner[static_cast<usize>(FrameOwner::slab)];
}

}  // namespace meridian
