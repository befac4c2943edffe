// SPDX-License-Identifier: MIT
/// Calls on descriptors and names. What each does is in its section 2 manual page;
/// where it does less, its definition says so.
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_write(const Syscall& call);
SyscallResult sys_writev(const Syscall& call);

inline constexpr SyscallEntry kFileCalls[] = {
    {64, "write", sys_write},
    {66, "writev", sys_writev},
};

}  // namespace meridian
