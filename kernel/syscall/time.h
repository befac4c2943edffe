// SPDX-License-Identifier: MIT
/// Calls on time: clocks, sleeps, interval timers, and what processes have used. What each does is
/// in its section 2 manual page; where it does less, its definition says so.
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_nanosleep(const Syscall& call);
SyscallResult sys_getitimer(const Syscall& call);
SyscallResult sys_setitimer(const Syscall& call);
SyscallResult sys_clock_settime(const Syscall& call);
SyscallResult sys_clock_gettime(const Syscall& call);
SyscallResult sys_clock_getres(const Syscall& call);
SyscallResult sys_clock_nanosleep(const Syscall& call);
SyscallResult sys_times(const Syscall& call);
SyscallResult sys_getrusage(const Syscall& call);
SyscallResult sys_gettimeofday(const Syscall& call);
SyscallResult sys_settimeofday(const Syscall& call);

inline constexpr SyscallEntry kTimeCalls[] = {
    {101, "nanosleep", sys_nanosleep, SyscallEntry::Restart::without_handlers},
    {102, "getitimer", sys_getitimer},
    {103, "setitimer", sys_setitimer},
    {112, "clock_settime", sys_clock_settime},
    {113, "clock_gettime", sys_clock_gettime},
    {114, "clock_getres", sys_clock_getres},
    {115, "clock_nanosleep", sys_clock_nanosleep, SyscallEntry::Restart::without_handlers},
    {153, "times", sys_times},
    {165, "getrusage", sys_getrusage},
    {169, "gettimeofday", sys_gettimeofday},
    {170, "settimeofday", sys_settimeofday},
};

/// Writes a struct rusage. Errc::fault.
Result<void> write_usage(UserAddr to, const Usage& usage);

}  // namespace meridian
