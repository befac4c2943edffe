// SPDX-License-Identifier: MIT
/// The system calls: which there are, and how often each number was called.
#pragma once

#include <span>
#include <string_view>

#include "kernel/proc/process.h"
#include "kernel/proc/signals.h"
#include "kernel/syscall/errno.h"

namespace meridian {

/// One call: who calls, and the registers that the caller goes on with (x0 apart, which gets the
/// result). Until the call changes them, they are as the caller left them: the first are its arguments.
struct Syscall {
  Process& caller;
  arch::TrapFrame& frame;
  std::span<const u64, 6> x;  // x0 to x5, in the frame

  UserAddr address(usize i) const { return UserAddr(x[i]); }
  /// Linux reads such an argument as an int.
  i32 integer(usize i) const { return static_cast<i32>(x[i]); }
};

/// A call that there is. Each family of calls has a header with a table of them.
struct SyscallEntry {
  using Restart = InterruptedCall::Restart;

  u32 number;  // Linux's (include/uapi/asm-generic/unistd.h)
  std::string_view name;
  SyscallResult (*function)(const Syscall&);
  Restart restart = Restart::with_handlers;  // if it ends with EINTR
  bool changes_registers = false;            // others than x0
};

/// Whoever wants to see each call as it comes in, before it is carried out, and maybe when it has its
/// result; nullptr ends that. One observer at a time. (The tour looks at the translation registers from
/// inside a call.)
using SyscallObserver = void (*)(const Syscall&);
void observe_syscalls(SyscallObserver before, SyscallObserver after = nullptr);

/// Numbers from here on are counted as one.
inline constexpr u32 kSyscallNumbers = 512;

struct SyscallCount {
  u32 number;             // kSyscallNumbers for all from there on
  std::string_view name;  // empty if it has no function here
  u64 calls;
};
/// How often `number` (at most kSyscallNumbers) was called since boot.
SyscallCount syscall_count(u32 number);

}  // namespace meridian
