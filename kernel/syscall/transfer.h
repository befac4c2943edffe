// SPDX-License-Identifier: MIT
/// Calls that move a file's bytes. What each does is in its section 2 manual page; where it does
/// less, its definition says so.
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_read(const Syscall& call);
SyscallResult sys_write(const Syscall& call);
SyscallResult sys_readv(const Syscall& call);
SyscallResult sys_writev(const Syscall& call);
SyscallResult sys_pread64(const Syscall& call);
SyscallResult sys_pwrite64(const Syscall& call);
SyscallResult sys_preadv(const Syscall& call);
SyscallResult sys_pwritev(const Syscall& call);
SyscallResult sys_sendfile(const Syscall& call);
SyscallResult sys_copy_file_range(const Syscall& call);

inline constexpr SyscallEntry kTransferCalls[] = {
    {63, "read", sys_read},         {64, "write", sys_write},
    {65, "readv", sys_readv},       {66, "writev", sys_writev},
    {67, "pread64", sys_pread64},   {68, "pwrite64", sys_pwrite64},
    {69, "preadv", sys_preadv},     {70, "pwritev", sys_pwritev},
    {71, "sendfile", sys_sendfile}, {285, "copy_file_range", sys_copy_file_range},
};

}  // namespace meridian
