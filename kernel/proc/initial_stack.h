// SPDX-License-Identifier: MIT
/// What a program finds on its stack when it starts: argument count, arguments, environment and the
/// auxiliary vector, laid out as Linux does for arm64, the texts above them.
#pragma once

#include <string_view>

#include "kernel/proc/elf.h"
#include "kernel/proc/exec_strings.h"
#include "mm/user/user_space.h"

namespace meridian {

struct StartInfo {
  std::string_view name;       // AT_EXECFN: the path
  const ExecStrings& strings;  // arguments and environment
  UserAddr entry;              // where it runs, not what the file says
  UserAddr headers;
  u16 header_count = 0;
  UserAddr interpreter{};  // where ld.so is loaded; 0 for a static program
  u64 random[2] = {};      // for the C library's stack guard
};

/// Where things came to lie.
struct InitialStack {
  UserAddr pointer;  // the stack pointer, aligned to 16
  UserRange arguments, environment;  // the texts
  UserRange aux;
};

/// Writes it into `stack`, which is mapped in `space`. What is written takes at most `most` bytes:
/// Errc::too_large beyond. Errc::out_of_frames.
Result<InitialStack> build_initial_stack(UserSpace& space, UserRange stack, u64 most,
                                         const StartInfo& info);

}  // namespace meridian
