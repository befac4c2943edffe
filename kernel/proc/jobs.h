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

/// A group is orphaned if nobody outside it, but in its session, is the parent of one of its members:
/// then nobody could let it go on, and keys and the terminal do not stop it. `leaving` is counted as
/// gone already (null: nobody is).
bool is_orphaned(const ProcessTable& table, u32 group, const Process* leaving = nullptr);
/// `leaving` ends: of the groups that become orphaned by that, those with a stopped member get SIGHUP
/// and SIGCONT.
void hang_up_orphans(ProcessTable& table, Process& leaving);

/// Who the terminal asks.
TtyJobs& tty_jobs();

}  // namespace meridian
