// SPDX-License-Identifier: MIT
/// Calls on descriptors and open files, but for their bytes (transfer.h). What each does is in its
/// section 2 manual page; where it does less, its definition says so.
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_dup(const Syscall& call);
SyscallResult sys_dup3(const Syscall& call);
SyscallResult sys_fcntl(const Syscall& call);
SyscallResult sys_ioctl(const Syscall& call);
SyscallResult sys_ftruncate(const Syscall& call);
SyscallResult sys_fallocate(const Syscall& call);
SyscallResult sys_openat(const Syscall& call);
SyscallResult sys_close(const Syscall& call);
SyscallResult sys_pipe2(const Syscall& call);
SyscallResult sys_getdents64(const Syscall& call);
SyscallResult sys_lseek(const Syscall& call);
SyscallResult sys_sync(const Syscall& call);
SyscallResult sys_fsync(const Syscall& call);
SyscallResult sys_fadvise64(const Syscall& call);
SyscallResult sys_memfd_create(const Syscall& call);
SyscallResult sys_close_range(const Syscall& call);

inline constexpr SyscallEntry kFileCalls[] = {
    {23, "dup", sys_dup},
    {24, "dup3", sys_dup3},
    {25, "fcntl", sys_fcntl},
    {29, "ioctl", sys_ioctl},
    {46, "ftruncate", sys_ftruncate},
    {47, "fallocate", sys_fallocate},
    {56, "openat", sys_openat},
    {57, "close", sys_close},
    {59, "pipe2", sys_pipe2},
    {61, "getdents64", sys_getdents64},
    {62, "lseek", sys_lseek},
    {81, "sync", sys_sync},
    {82, "fsync", sys_fsync},
    {83, "fdatasync", sys_fsync},
    {223, "fadvise64", sys_fadvise64},
    {279, "memfd_create", sys_memfd_create},
    {436, "close_range", sys_close_range},
};

}  // namespace meridian
