// SPDX-License-Identifier: MIT
/// Jobs: process groups and sessions (setpgid(2)), and what the terminal wants of them.
#pragma once

#include "kernel/fs/tty.h"
#include "kernel/proc/process.h"

namespace meridian {

/// The group of `pid` becomes `group` (0: the calling process, and a group of its own number).
/// Errc::not_found (ESRCH), no_access (EACCES: a child that has executed), not_permitted (EPERM).
Result<void> set_process_group(u32 pid, u32 group);
/// The group or the session of `pid` (0: the caller). Errc::not_found.
Result<u32> process_group(u32 pid);
Result<u32> process_session(u32 pid);
/// The calling process leads a new session. Errc::not_permitted if it leads a group.
Result<u32> make_session();

/// Who the terminal asks.
TtyJobs& tty_jobs();

}  // namespace meridian
