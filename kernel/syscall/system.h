// SPDX-License-Identifier: MIT
/// Calls on the system and on who the caller is to it. What each does is in its section 2 manual
/// page; where it does less, its definition says so.
///
/// There is one user and one group, 0, as in a Linux user namespace that maps no other: other ids
/// are EINVAL.
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_syslog(const Syscall& call);
SyscallResult sys_capget(const Syscall& call);
SyscallResult sys_capset(const Syscall& call);
SyscallResult sys_personality(const Syscall& call);
SyscallResult sys_reboot(const Syscall& call);
SyscallResult sys_set_one_id(const Syscall& call);
SyscallResult sys_set_two_ids(const Syscall& call);
SyscallResult sys_set_three_ids(const Syscall& call);
SyscallResult sys_set_fs_id(const Syscall& call);
SyscallResult sys_get_three_ids(const Syscall& call);
SyscallResult sys_getgroups(const Syscall& call);
SyscallResult sys_setgroups(const Syscall& call);
SyscallResult sys_uname(const Syscall& call);
SyscallResult sys_sethostname(const Syscall& call);
SyscallResult sys_setdomainname(const Syscall& call);
SyscallResult sys_prctl(const Syscall& call);
SyscallResult sys_get_id(const Syscall& call);
SyscallResult sys_sysinfo(const Syscall& call);
SyscallResult sys_getrandom(const Syscall& call);

inline constexpr SyscallEntry kSystemCalls[] = {
    {90, "capget", sys_capget},
    {91, "capset", sys_capset},
    {92, "personality", sys_personality},
    {116, "syslog", sys_syslog},
    {142, "reboot", sys_reboot},
    {143, "setregid", sys_set_two_ids},
    {144, "setgid", sys_set_one_id},
    {145, "setreuid", sys_set_two_ids},
    {146, "setuid", sys_set_one_id},
    {147, "setresuid", sys_set_three_ids},
    {148, "getresuid", sys_get_three_ids},
    {149, "setresgid", sys_set_three_ids},
    {150, "getresgid", sys_get_three_ids},
    {151, "setfsuid", sys_set_fs_id},
    {152, "setfsgid", sys_set_fs_id},
    {158, "getgroups", sys_getgroups},
    {159, "setgroups", sys_setgroups},
    {160, "uname", sys_uname},
    {161, "sethostname", sys_sethostname},
    {162, "setdomainname", sys_setdomainname},
    {167, "prctl", sys_prctl},
    {174, "getuid", sys_get_id},
    {175, "geteuid", sys_get_id},
    {176, "getgid", sys_get_id},
    {177, "getegid", sys_get_id},
    {179, "sysinfo", sys_sysinfo},
    {278, "getrandom", sys_getrandom},
};

}  // namespace meridian
