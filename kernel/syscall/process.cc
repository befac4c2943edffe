// SPDX-License-Identifier: MIT
/// A program's identity and end.
#include "kernel/syscall/calls.h"
#include "mm/user/user_copy.h"

namespace meridian {

/// exit and exit_group: a program has one thread.
SyscallResult sys_exit(const Syscall& call) { call.caller.exit(call.integer(0)); }

/// The address would be cleared when the thread ends and others go on: there are none.
SyscallResult sys_set_tid_address(const Syscall& call) { return call.caller.pid(); }

SyscallResult sys_getpid(const Syscall& call) { return call.caller.pid(); }

/// With one thread nobody ever waits, so there is nobody to wake; waiting would be for ever.
SyscallResult sys_futex(const Syscall& call) {
  constexpr u64 kWake = 1, kWakeBitset = 10, kOperation = 0x7f;
  const u64 operation = call.x[1] & kOperation;
  if (operation != kWake && operation != kWakeBitset) return Errno::enosys;
  if (!call.address(0).is_aligned(sizeof(u32))) return Errno::einval;
  return check_user_range({call.address(0), sizeof(u32)});
}

}  // namespace meridian
