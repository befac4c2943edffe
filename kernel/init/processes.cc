// SPDX-License-Identifier: MIT
#include "kernel/fs/tty.h"
#include "kernel/init/stages.h"
#include "kernel/proc/jobs.h"

namespace meridian {

void start_processes() { console_tty().use_jobs(tty_jobs()); }

}  // namespace meridian
