// SPDX-License-Identifier: MIT
/// Calls that tell what a file or a file system is. What each does is in its section 2 manual page;
/// where it does less, its definition says so.
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_statfs(const Syscall& call);
SyscallResult sys_fstatfs(const Syscall& call);
SyscallResult sys_newfstatat(const Syscall& call);
SyscallResult sys_fstat(const Syscall& call);
SyscallResult sys_statx(const Syscall& call);

inline constexpr SyscallEntry kStatusCalls[] = {
    {43, "statfs", sys_statfs}, {44, "fstatfs", sys_fstatfs}, {79, "newfstatat", sys_newfstatat},
    {80, "fstat", sys_fstat},   {291, "statx", sys_statx},
};

}  // namespace meridian
