// SPDX-License-Identifier: MIT
/// Calls on the caller's memory. What each does is in its section 2 manual page;
/// where it does less, its definition says so.
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_brk(const Syscall& call);
SyscallResult sys_munmap(const Syscall& call);
SyscallResult sys_mremap(const Syscall& call);
SyscallResult sys_mmap(const Syscall& call);
SyscallResult sys_mprotect(const Syscall& call);
SyscallResult sys_msync(const Syscall& call);
SyscallResult sys_mlock(const Syscall& call);
SyscallResult sys_mlock2(const Syscall& call);
SyscallResult sys_munlock(const Syscall& call);
SyscallResult sys_mlockall(const Syscall& call);
SyscallResult sys_munlockall(const Syscall& call);
SyscallResult sys_mincore(const Syscall& call);
SyscallResult sys_madvise(const Syscall& call);

inline constexpr SyscallEntry kMemoryCalls[] = {
    {214, "brk", sys_brk},
    {215, "munmap", sys_munmap},
    {216, "mremap", sys_mremap},
    {222, "mmap", sys_mmap},
    {226, "mprotect", sys_mprotect},
    {227, "msync", sys_msync},
    {228, "mlock", sys_mlock},
    {229, "munlock", sys_munlock},
    {230, "mlockall", sys_mlockall},
    {231, "munlockall", sys_munlockall},
    {232, "mincore", sys_mincore},
    {233, "madvise", sys_madvise},
    {284, "mlock2", sys_mlock2},
};

}  // namespace meridian
