// SPDX-License-Identifier: MIT
/// What processes have used of the machine: getrusage(2), times(2), the clocks of CPU time.
///
/// CPU time is what the scheduler counts: all the time that a thread had a CPU, exact to a tick of
/// the counter. What the kernel did for the program in that time is in it, and not told apart: that
/// would take two looks at the counter in every system call.
#pragma once

#include <algorithm>

#include "kernel/lib/types.h"

namespace meridian {

class Process;

struct Usage {
  u64 run_time = 0;  // in ticks of arch::counter()
  u64 minor_faults = 0, major_faults = 0;
  u64 peak_resident = 0;           // in pages; of several processes: the largest
  u64 waits = 0, preemptions = 0;  // how often it gave up its CPU, or lost it

  void add(const Usage& other) {
    run_time += other.run_time;
    minor_faults += other.minor_faults;
    major_faults += other.major_faults;
    peak_resident = std::max(peak_resident, other.peak_resident);
    waits += other.waits;
    preemptions += other.preemptions;
  }
};

/// Of a process that has a thread, up to now; without its children.
Usage usage_of(Process& process);
u64 run_time_of(Process& process);

}  // namespace meridian
