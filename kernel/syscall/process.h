// SPDX-License-Identifier: MIT
/// Calls on processes: their beginnings, their ends, and who is whose. What each does is in its section 2 manual page;
/// where it does less, its definition says so.
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_exit(const Syscall& call);
SyscallResult sys_waitid(const Syscall& call);
SyscallResult sys_set_tid_address(const Syscall& call);
SyscallResult sys_futex(const Syscall& call);
SyscallResult sys_setpgid(const Syscall& call);
SyscallResult sys_getpgid(const Syscall& call);
SyscallResult sys_getsid(const Syscall& call);
SyscallResult sys_setsid(const Syscall& call);
SyscallResult sys_getpid(const Syscall& call);
SyscallResult sys_getppid(const Syscall& call);
SyscallResult sys_clone(const Syscall& call);
SyscallResult sys_execve(const Syscall& call);
SyscallResult sys_wait4(const Syscall& call);

inline constexpr SyscallEntry kProcessCalls[] = {
    {93, "exit", sys_exit},
    {94, "exit_group", sys_exit},
    {95, "waitid", sys_waitid},
    {96, "set_tid_address", sys_set_tid_address},
    {98, "futex", sys_futex},
    {154, "setpgid", sys_setpgid},
    {155, "getpgid", sys_getpgid},
    {156, "getsid", sys_getsid},
    {157, "setsid", sys_setsid},
    {172, "getpid", sys_getpid},
    {173, "getppid", sys_getppid},
    {178, "gettid", sys_getpid},
    {220, "clone", sys_clone},
    {221, "execve", sys_execve, SyscallEntry::Restart::never, true},
    {260, "wait4", sys_wait4},
};

}  // namespace meridian
