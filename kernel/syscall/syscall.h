// SPDX-License-Identifier: MIT
/// The system calls: which there are, and how often each number was called.
#pragma once

#include <array>
#include <string_view>

#include "kernel/proc/program.h"
#include "kernel/syscall/errno.h"

namespace meridian {

/// One call: who calls, and x0 to x5 as they were.
struct Syscall {
  Program& caller;
  std::array<u64, 6> x;

  UserAddr address(usize i) const { return UserAddr(x[i]); }
  /// Linux reads such an argument as an int.
  i32 integer(usize i) const { return static_cast<i32>(x[i]); }
};

/// Whoever wants to see each call as it comes in, before it is carried out; nullptr ends that. One
/// observer at a time. (The tour looks at the translation registers from inside a call.)
using SyscallObserver = void (*)(const Syscall&);
void observe_syscalls(SyscallObserver observer);

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
