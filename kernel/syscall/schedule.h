// SPDX-License-Identifier: MIT
/// Calls on who runs where, and before whom. What each does is in its section 2 manual page; where
/// it does less, its definition says so. (There is one policy, SCHED_OTHER: all take turns.)
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_sched_setparam(const Syscall& call);
SyscallResult sys_sched_setscheduler(const Syscall& call);
SyscallResult sys_sched_getscheduler(const Syscall& call);
SyscallResult sys_sched_getparam(const Syscall& call);
SyscallResult sys_sched_getaffinity(const Syscall& call);
SyscallResult sys_sched_yield(const Syscall& call);
SyscallResult sys_sched_priority_bound(const Syscall& call);
SyscallResult sys_sched_rr_get_interval(const Syscall& call);
SyscallResult sys_setpriority(const Syscall& call);
SyscallResult sys_getpriority(const Syscall& call);
SyscallResult sys_getcpu(const Syscall& call);

inline constexpr SyscallEntry kScheduleCalls[] = {
    {118, "sched_setparam", sys_sched_setparam},
    {119, "sched_setscheduler", sys_sched_setscheduler},
    {120, "sched_getscheduler", sys_sched_getscheduler},
    {121, "sched_getparam", sys_sched_getparam},
    {123, "sched_getaffinity", sys_sched_getaffinity},
    {124, "sched_yield", sys_sched_yield},
    {125, "sched_get_priority_max", sys_sched_priority_bound},
    {126, "sched_get_priority_min", sys_sched_priority_bound},
    {127, "sched_rr_get_interval", sys_sched_rr_get_interval},
    {140, "setpriority", sys_setpriority},
    {141, "getpriority", sys_getpriority},
    {168, "getcpu", sys_getcpu},
};

}  // namespace meridian
