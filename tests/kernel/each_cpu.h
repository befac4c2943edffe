// SPDX-License-Identifier: MIT
/// For tests that run on several CPUs at once.
#pragma once

#include <arch/cpu.h>

#include <array>
#include <atomic>

#include "kernel/proc/scheduler.h"
#include "tests/kernel/ktest.h"

namespace meridian {

/// Calls work(CPU's index) once on each CPU, in a thread bound to it; returns when all have ended.
inline void on_each_cpu(void (*work)(unsigned cpu)) {
  std::array<Ref<Thread>, arch::kMaxCpus> threads;
  const auto run = [](void* argument) {
    reinterpret_cast<void (*)(unsigned)>(argument)(static_cast<unsigned>(arch::cpu_index()));
  };
  for (unsigned cpu = 0; cpu < running_cpus(); ++cpu) {
    Result<Ref<Thread>> thread =
        start_thread("each cpu", run, reinterpret_cast<void*>(work), {.cpu = cpu});
    EXPECT_OK(thread);
    if (thread.has_value()) threads[cpu] = thread.take();
  }
  for (Ref<Thread>& thread : threads)
    if (thread) thread->join();
}

/// Returns once as many CPUs as there are have come here.
class Meeting {
 public:
  void meet() {
    const u32 before = arrived_.fetch_add(1);
    const u32 everybody = (before / running_cpus() + 1) * running_cpus();
    while (arrived_.load() < everybody) arch::relax();
  }
  void reset() { arrived_ = 0; }

 private:
  std::atomic<u32> arrived_{0};
};

#define SKIP_ON_ONE_CPU() \
  if (running_cpus() == 1) SKIP_TEST("the machine has one CPU")

}  // namespace meridian
