// SPDX-License-Identifier: MIT
/// Several CPUs at once: they all come up, work side by side, see each other's mappings change, and
/// lose nothing of what the allocators have.
#include <arch/clock.h>
#include <arch/interrupts.h>
#include <arch/paging.h>
#include <arch/probe.h>
#include <arch/registers.h>

#include <array>
#include <atomic>
#include <utility>

#include "kernel/init/system.h"
#include "mm/frames/frames.h"
#include "mm/kernel/linear_map.h"
#include "mm/kernel/vmalloc.h"
#include "mm/slab/kmalloc.h"
#include "mm/slab/slab.h"
#include "tests/kernel/each_cpu.h"
#include "tests/kernel/expect_fault.h"

namespace meridian {
namespace {

using arch::probe;
using arch::ProbeKind;

constinit Meeting meeting;

/// What on_each_cpu()'s workers and the test talk through.
struct Shared {
  std::array<std::atomic<u64>, arch::kMaxCpus> seen;
  std::atomic<u8*> memory;
};
constinit Shared shared;

}  // namespace

KERNEL_TEST(smp, EveryCpuOfTheDeviceTreeRuns) {
  const usize wanted = the_system().machine.cpu_count;
  EXPECT_EQ(running_cpus(), wanted < arch::kMaxCpus ? wanted : arch::kMaxCpus);
  for (unsigned cpu = 0; cpu < running_cpus(); ++cpu)
    for (unsigned other = 0; other < cpu; ++other)
      EXPECT_NE(cpu_info(cpu).affinity, cpu_info(other).affinity);
}

/// They wait for each other, so none of them can be the same CPU under another name.
KERNEL_TEST(smp, BoundThreadsRunSideBySideOnTheirCpus) {
  meeting.reset();
  on_each_cpu([](unsigned cpu) {
    meeting.meet();
    shared.seen[cpu] = arch::cpu_index();
    meeting.meet();
  });
  for (unsigned cpu = 0; cpu < running_cpus(); ++cpu) EXPECT_EQ(shared.seen[cpu].load(), cpu);
}

/// The registers that decide how memory is seen are the same everywhere.
KERNEL_TEST(smp, EveryCpuTranslatesByTheSameRegisters) {
  static constinit std::array<std::array<u64, 5>, arch::kMaxCpus> registers{};
  on_each_cpu([](unsigned cpu) {
    registers[cpu] = {arch::tcr().raw(), arch::mair().raw(), arch::sctlr().raw(),
                      arch::ttbr0().raw(), arch::ttbr1().raw()};
  });
  for (unsigned cpu = 1; cpu < running_cpus(); ++cpu)
    for (usize i = 0; i < registers[0].size(); ++i) EXPECT_EQ(registers[cpu][i], registers[0][i]);
}

/// As many unbound threads as CPUs, which wait for each other: idle CPUs must come and take them.
KERNEL_TEST(smp, IdleCpusTakeWhatIsReady) {
  std::array<Ref<Thread>, arch::kMaxCpus> threads;
  meeting.reset();
  const auto work = [](void*) { meeting.meet(); };
  for (unsigned i = 0; i < running_cpus(); ++i) {
    Result<Ref<Thread>> thread = start_thread("unbound", work, nullptr);
    ASSERT_OK(thread);
    threads[i] = thread.take();
  }
  for (unsigned i = 0; i < running_cpus(); ++i) threads[i]->join();
}

/// Each CPU adds to one counter; a lock that let two in at once would lose some.
KERNEL_TEST(smp, ALockedCounterLosesNothing) {
  static constinit Locked<u64> counter{0u};
  counter.with([](u64& value) { value = 0; });
  on_each_cpu([](unsigned) {
    for (u32 i = 0; i < 2'000; ++i) counter.with([](u64& value) { ++value; });
  });
  EXPECT_EQ(counter.with([](u64& value) { return value; }), 2'000u * running_cpus());
}

/// CPU 0 takes a page away and puts another there, while all the others have it in their TLBs.
KERNEL_TEST(smp, ARemapIsSeenByEveryCpu) {
  SKIP_ON_ONE_CPU();
  static constinit Frame frames[2];
  for (u64 i = 0; i < 2; ++i) {
    const Result<Frame> frame = alloc_frame(FrameOwner::vmalloc);
    ASSERT_OK(frame);
    frames[i] = frame.value();
    *linear_map.pointer<u64>(frames[i]) = 100 + i;
  }
  meeting.reset();
  on_each_cpu([](unsigned cpu) {
    if (cpu == 0) {
      const Result<void*> mapped = vmap({&frames[0], 1}, kKernelData);
      EXPECT_OK(mapped);
      shared.memory = static_cast<u8*>(mapped.value_or(nullptr));
    }
    meeting.meet();
    const VirtAddr page = VirtAddr::of(shared.memory.load());
    EXPECT_EQ(probe(page, ProbeKind::load64).value, 100u);
    meeting.meet();
    if (cpu == 0) vunmap(shared.memory);
    meeting.meet();
    EXPECT_FAULT(probe(page, ProbeKind::load64), translation, read, page);
    meeting.meet();
    if (cpu == 0) {
      const Result<void*> again = vmap({&frames[1], 1}, kKernelData);
      EXPECT_OK(again);
      shared.memory = static_cast<u8*>(again.value_or(nullptr));
    }
    meeting.meet();
    EXPECT_EQ(probe(VirtAddr::of(shared.memory.load()), ProbeKind::load64).value, 101u);
    meeting.meet();
    if (cpu == 0) vunmap(shared.memory);
  });
  for (const Frame frame : frames) free_frame(frame);
}

namespace {

/// Takes and gives back frames, objects and areas, in an order that differs from CPU to CPU, and
/// stamps what it has: nobody else may write there meanwhile.
void hammer(unsigned cpu) {
  constexpr u32 kRounds = 50, kHeld = 8;
  std::array<u64*, kHeld> objects{};
  u64 random = cpu + 1;
  for (u32 round = 0; round < kRounds; ++round) {
    random = random * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    u64*& slot = objects[random >> 60 & (kHeld - 1)];
    if (slot != nullptr) {
      EXPECT_EQ(*slot, VirtAddr::of(slot).value() ^ cpu);
      kfree(std::exchange(slot, nullptr));
    } else {
      const Result<void*> memory = kmalloc((random >> 40) % 5'000 + 8);
      if (!memory.has_value()) continue;
      slot = static_cast<u64*>(memory.value());
      *slot = VirtAddr::of(slot).value() ^ cpu;
    }
    const unsigned order = random >> 50 & 3;
    const Result<Frame> block = alloc_frames(order, FrameOwner::vmalloc);
    const Result<void*> area = vmalloc(((random >> 33) % 5 + 1) * kPageSize);
    if (area.has_value()) *static_cast<u64*>(area.value()) = cpu;
    if (block.has_value()) *linear_map.pointer<u64>(block.value()) = round;
    if (area.has_value()) EXPECT_EQ(*static_cast<u64*>(area.value()), cpu);
    if (block.has_value()) EXPECT_EQ(*linear_map.pointer<u64>(block.value()), round);
    if (area.has_value()) vfree(area.value());
    if (block.has_value()) free_frames(block.value(), order);
  }
  for (u64* object : objects) kfree(object);
}

}  // namespace

/// When all is given back, no area and no block has a frame more than before, and there are as many
/// frames as before: none is lost, and none is there twice. (Slabs, tables and records may keep
/// some.)
KERNEL_TEST(smp, HammeredAllocatorsKeepEveryFrame) {
  struct Count {
    u64 vmalloc, all = 0;
  };
  const auto count = [] {
    vmalloc_flush();
    const FrameStats stats = frame_stats();
    Count now{.vmalloc = stats.by_owner[static_cast<usize>(FrameOwner::vmalloc)]};
    for (const u64 frames : stats.by_owner) now.all += frames;
    return now;
  };
  const Count before = count();
  on_each_cpu(hammer);
  on_each_cpu([](unsigned) { drain_slab_caches(); });  // nothing is to stay in disorder
  vmalloc_flush();
  on_each_cpu([](unsigned) { drain_frame_cache(); });
  const Count after = count();
  EXPECT_EQ(after.vmalloc, before.vmalloc);
  EXPECT_EQ(after.all, before.all);
}

}  // namespace meridian
