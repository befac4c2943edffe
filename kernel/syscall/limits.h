// SPDX-License-Identifier: MIT
/// Calls on resource limits. What each does is in its section 2 manual page.
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_getrlimit(const Syscall& call);
SyscallResult sys_setrlimit(const Syscall& call);
SyscallResult sys_prlimit64(const Syscall& call);

inline constexpr SyscallEntry kLimitCalls[] = {
    {163, "getrlimit", sys_getrlimit},
    {164, "setrlimit", sys_setrlimit},
    {261, "prlimit64", sys_prlimit64},
};

}  // namespace meridian
