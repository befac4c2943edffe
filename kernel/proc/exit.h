// SPDX-License-Identifier: MIT
/// How processes end, and how their parents learn of it.
#pragma once

#include "kernel/proc/process.h"

namespace meridian {

/// The calling process ends: everything it had goes back, its children become process 1's (or
/// nobody's), its parent hears of it. No object on the stack may still need its destructor.
[[noreturn]] void exit_process(const ProcessEnd& end);

/// The calling process stops because of `signal`, until SIGCONT or SIGKILL comes.
void stop_process(Signal signal);

/// What wait4() and waitid() look for.
struct WaitRequest {
  enum class Whose : u8 { any, pid, group };
  Whose whose = Whose::any;
  u32 id = 0;  // of the process or the group
  bool ended = true, stopped = false, continued = false;
  bool no_hang = false;  // rather nothing than wait
  bool leave = false;    // as if it had not been told (WNOWAIT)
};

struct WaitOutcome {
  u32 pid = 0;  // 0: nothing yet (no_hang)
  i32 code = 0;     // kCldExited and so on
  i32 status = 0;   // exit status or signal
  u32 wait_status = 0;
  Usage usage;        // of the child and of its descendants that it waited for
};

/// Waits for a child of the calling process. Errc::not_found (ECHILD) if there is none that it could
/// be; interrupted.
Result<WaitOutcome> wait_for_child(const WaitRequest& request);

}  // namespace meridian
