// SPDX-License-Identifier: MIT
/// Calls on signals. What each does is in its section 2 manual page.
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_kill(const Syscall& call);
SyscallResult sys_tkill(const Syscall& call);
SyscallResult sys_tgkill(const Syscall& call);
SyscallResult sys_sigaltstack(const Syscall& call);
SyscallResult sys_rt_sigsuspend(const Syscall& call);
SyscallResult sys_rt_sigaction(const Syscall& call);
SyscallResult sys_rt_sigprocmask(const Syscall& call);
SyscallResult sys_rt_sigpending(const Syscall& call);
SyscallResult sys_rt_sigtimedwait(const Syscall& call);
SyscallResult sys_rt_sigqueueinfo(const Syscall& call);
SyscallResult sys_rt_sigreturn(const Syscall& call);
SyscallResult sys_rt_tgsigqueueinfo(const Syscall& call);

inline constexpr SyscallEntry kSignalCalls[] = {
    {129, "kill", sys_kill},
    {130, "tkill", sys_tkill},
    {131, "tgkill", sys_tgkill},
    {132, "sigaltstack", sys_sigaltstack},
    {133, "rt_sigsuspend", sys_rt_sigsuspend, SyscallEntry::Restart::without_handlers},
    {134, "rt_sigaction", sys_rt_sigaction},
    {135, "rt_sigprocmask", sys_rt_sigprocmask},
    {136, "rt_sigpending", sys_rt_sigpending},
    {137, "rt_sigtimedwait", sys_rt_sigtimedwait, SyscallEntry::Restart::never},
    {138, "rt_sigqueueinfo", sys_rt_sigqueueinfo},
    // What it returns is the interrupted code's x0, and may look like EINTR.
    {139, "rt_sigreturn", sys_rt_sigreturn, SyscallEntry::Restart::never, true},
    {240, "rt_tgsigqueueinfo", sys_rt_tgsigqueueinfo},
};

}  // namespace meridian
