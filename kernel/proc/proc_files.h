// SPDX-License-Identifier: MIT
/// The files of /proc that are no process's: each a row of a table. More rows are added where the
/// table is.
#pragma once

#include "kernel/fs/proc_fs.h"

namespace meridian {

std::span<const ProcFile> proc_files();

/// Those of /sys.
std::span<const ProcFile> sys_files();

/// What is mounted where: /proc/mounts, and each process's.
void print_mounts(Writer& out);

}  // namespace meridian
