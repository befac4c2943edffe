// SPDX-License-Identifier: MIT
/// The functions behind the system calls, named as Linux names them. What each does is in its
/// section 2 manual page; where it does less, its definition says so.
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_write(const Syscall& call);
SyscallResult sys_writev(const Syscall& call);

SyscallResult sys_brk(const Syscall& call);
SyscallResult sys_mmap(const Syscall& call);
SyscallResult sys_munmap(const Syscall& call);
SyscallResult sys_mprotect(const Syscall& call);
SyscallResult sys_mremap(const Syscall& call);
SyscallResult sys_madvise(const Syscall& call);

SyscallResult sys_exit(const Syscall& call);
SyscallResult sys_set_tid_address(const Syscall& call);
SyscallResult sys_getpid(const Syscall& call);
SyscallResult sys_futex(const Syscall& call);

}  // namespace meridian
