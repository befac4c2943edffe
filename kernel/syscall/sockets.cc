// SPDX-License-Identifier: MIT
#include "kernel/syscall/sockets.h"

#include "kernel/syscall/file_argument.h"

namespace meridian {

SyscallResult sys_make_socket(const Syscall&) { return Errno::eafnosupport; }

SyscallResult sys_use_socket(const Syscall& call) {
  TRY(usable_file_of(call, 0));
  return Errno::enotsock;
}

}  // namespace meridian
