// SPDX-License-Identifier: MIT
/// Calls that wait for any of several files. What each does is in its section 2 manual page.
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_pselect6(const Syscall& call);
SyscallResult sys_ppoll(const Syscall& call);

inline constexpr SyscallEntry kPollCalls[] = {
    {72, "pselect6", sys_pselect6, SyscallEntry::Restart::without_handlers},
    {73, "ppoll", sys_ppoll, SyscallEntry::Restart::without_handlers},
};

}  // namespace meridian
