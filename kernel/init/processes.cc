// SPDX-License-Identifier: MIT
#include "kernel/fs/root.h"
#include "kernel/fs/tty.h"
#include "kernel/init/stages.h"
#include "kernel/proc/jobs.h"
#include "kernel/proc/proc_files.h"
#include "kernel/proc/proc_source.h"
#include "kernel/proc/timers.h"

namespace meridian {

void start_processes() {
  console_tty().use_jobs(tty_jobs());
  if (!start_timers().has_value()) stop_boot("no memory for the timers' thread");
  fill_proc(proc_files(), proc_source());
}

}  // namespace meridian
