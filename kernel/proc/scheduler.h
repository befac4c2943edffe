// SPDX-License-Identifier: MIT
/// The scheduler: which thread runs on which CPU. Each CPU has a queue of ready threads with a lock
/// of its own, and lets each run for a slice in turn. A thread that is woken stays with the CPU it
/// ran on; a CPU that has nothing to do takes one from the longest queue.
///
/// Kernel code is preempted wherever interrupts are on, which no spinlock's holder has them, and
/// nowhere else.
#pragma once

#include <arch/cpu.h>

#include "kernel/proc/thread.h"

namespace meridian {

inline constexpr u64 kSliceMilliseconds = 10;

/// The code that calls it, the boot, is a thread from now on: "shell", bound to CPU 0.
void adopt_boot_thread();

/// Threads can be started; this CPU has its idle thread. Errc::out_of_frames.
Result<void> start_scheduler();

/// The thread as which another CPU comes up, and which it runs when it has nothing to do. Its stack
/// is the caller's to choose. Errc::out_of_frames.
Result<Ref<Thread>> make_idle_thread(unsigned cpu);
/// The calling CPU, which runs as its idle thread, takes part from now on.
[[noreturn]] void run_idle();

struct CpuInfo {
  bool runs = false;
  u64 affinity = 0;
  u64 ticks = 0, idle_ticks = 0;  // since it takes part
  u64 switches = 0;
};
CpuInfo cpu_info(unsigned cpu);
/// How many CPUs take part.
unsigned running_cpus();
/// Waits until CPU `cpu` takes part. Errc::timed_out.
Result<void> wait_for_cpu(unsigned cpu, u64 deadline);

}  // namespace meridian
