// SPDX-License-Identifier: MIT
/// There are no sockets, and this says so as Linux would: no family of addresses is supported, and
/// no descriptor is a socket's. (Programs ask, and cope: C libraries look for name services, shells
/// for whoever may have started them.)
#pragma once

#include "kernel/syscall/syscall.h"

namespace meridian {

SyscallResult sys_make_socket(const Syscall& call);
SyscallResult sys_use_socket(const Syscall& call);

inline constexpr SyscallEntry kSocketCalls[] = {
    {198, "socket", sys_make_socket},     {199, "socketpair", sys_make_socket},
    {200, "bind", sys_use_socket},        {201, "listen", sys_use_socket},
    {202, "accept", sys_use_socket},      {203, "connect", sys_use_socket},
    {204, "getsockname", sys_use_socket}, {205, "getpeername", sys_use_socket},
    {206, "sendto", sys_use_socket},      {207, "recvfrom", sys_use_socket},
    {208, "setsockopt", sys_use_socket},  {209, "getsockopt", sys_use_socket},
    {210, "shutdown", sys_use_socket},    {211, "sendmsg", sys_use_socket},
    {212, "recvmsg", sys_use_socket},     {242, "accept4", sys_use_socket},
};

}  // namespace meridian
