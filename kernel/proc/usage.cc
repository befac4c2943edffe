// SPDX-License-Identifier: MIT
#include "kernel/proc/usage.h"

#include "kernel/proc/process.h"
#include "kernel/proc/thread_list.h"

namespace meridian {

u64 run_time_of(Process& process) { return thread_info(process.thread()).run_time; }

Usage usage_of(Process& process) {
  const ThreadInfo thread = thread_info(process.thread());
  Usage usage = process.memory_usage();
  usage.run_time = thread.run_time;
  usage.waits = thread.waits;
  usage.preemptions = thread.preemptions;
  return usage;
}

}  // namespace meridian
