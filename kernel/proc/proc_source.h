// SPDX-License-Identifier: MIT
/// Processes as /proc shows them: each at the moment when it is asked about, while it runs, stops
/// or ends on another CPU. Whoever asks holds the process and its resources, but none of its locks
/// while he prints.
#pragma once

#include "kernel/fs/proc_fs.h"
#include "kernel/proc/process.h"

namespace meridian {

/// All processes, for fill_proc().
ProcSource& proc_source();

/// Where names come from in /proc/PID/maps: a file's path, "[heap]", "[stack]",
/// "[vdso]", or nothing.
void print_mapping_name(Writer& out, Process& process, UserSpace& space, const VmaView& vma);

/// A line of maps for a VMA.
ProcMapping mapping_of(const VmaView& vma, std::string_view name);

/// Ticks of arch::counter() in those that programs are told: 1/100 s.
u64 clock_ticks(u64 counter_ticks);

}  // namespace meridian
