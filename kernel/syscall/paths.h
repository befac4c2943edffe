// SPDX-License-Identifier: MIT
/// Calls on names and what they stand for. What each does is in its section 2 manual page; where it
/// does less, its definition says so. (There is one user, root: no permission bit refuses
/// anything.)
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_getcwd(const Syscall& call);
SyscallResult sys_mknodat(const Syscall& call);
SyscallResult sys_mkdirat(const Syscall& call);
SyscallResult sys_unlinkat(const Syscall& call);
SyscallResult sys_symlinkat(const Syscall& call);
SyscallResult sys_linkat(const Syscall& call);
SyscallResult sys_renameat(const Syscall& call);
SyscallResult sys_umount2(const Syscall& call);
SyscallResult sys_mount(const Syscall& call);
SyscallResult sys_truncate(const Syscall& call);
SyscallResult sys_faccessat(const Syscall& call);
SyscallResult sys_chdir(const Syscall& call);
SyscallResult sys_fchdir(const Syscall& call);
SyscallResult sys_chroot(const Syscall& call);
SyscallResult sys_fchmod(const Syscall& call);
SyscallResult sys_fchmodat(const Syscall& call);
SyscallResult sys_fchownat(const Syscall& call);
SyscallResult sys_fchown(const Syscall& call);
SyscallResult sys_readlinkat(const Syscall& call);
SyscallResult sys_utimensat(const Syscall& call);
SyscallResult sys_umask(const Syscall& call);
SyscallResult sys_renameat2(const Syscall& call);
SyscallResult sys_faccessat2(const Syscall& call);

inline constexpr SyscallEntry kPathCalls[] = {
    {17, "getcwd", sys_getcwd},
    {33, "mknodat", sys_mknodat},
    {34, "mkdirat", sys_mkdirat},
    {35, "unlinkat", sys_unlinkat},
    {36, "symlinkat", sys_symlinkat},
    {37, "linkat", sys_linkat},
    {38, "renameat", sys_renameat},
    {39, "umount2", sys_umount2},
    {40, "mount", sys_mount},
    {45, "truncate", sys_truncate},
    {48, "faccessat", sys_faccessat},
    {49, "chdir", sys_chdir},
    {50, "fchdir", sys_fchdir},
    {51, "chroot", sys_chroot},
    {52, "fchmod", sys_fchmod},
    {53, "fchmodat", sys_fchmodat},
    {54, "fchownat", sys_fchownat},
    {55, "fchown", sys_fchown},
    {78, "readlinkat", sys_readlinkat},
    {88, "utimensat", sys_utimensat},
    {166, "umask", sys_umask},
    {276, "renameat2", sys_renameat2},
    {439, "faccessat2", sys_faccessat2},
};

}  // namespace meridian
