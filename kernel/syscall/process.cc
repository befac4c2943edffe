// SPDX-License-Identifier: MIT
/// A program's identity and end.
#include "kernel/syscall/calls.h"

namespace meridian {

/// exit and exit_group: a program has one thread.
SyscallResult sys_exit(const Syscall& call) { call.caller.exit(call.integer(0)); }

/// The address would be cleared when the thread ends and others go on: there are none.
SyscallResult sys_set_tid_address(const Syscall& call) { return call.caller.pid(); }

SyscallResult sys_getpid(const Syscall& call) { return call.caller.pid(); }

}  // namespace meridian
