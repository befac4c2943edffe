// SPDX-License-Identifier: MIT
/// What a program finds on its stack when it starts: argument count, arguments, environment and the
/// auxiliary vector, laid out as Linux does for arm64, the texts above them.
#pragma once

#include <span>
#include <string_view>

#include "kernel/proc/elf.h"
#include "mm/user/user_space.h"

namespace meridian {

struct StartInfo {
  std::string_view name;                        // argv[0], and AT_EXECFN
  std::span<const std::string_view> arguments;  // argv[1] and on
  UserAddr entry;                               // where it runs, not what the file says
  UserAddr headers;
  u16 header_count = 0;
  u64 random[2] = {};  // for the C library's stack guard
};

/// Writes it into `stack`, which is mapped in `space`. Returns the stack pointer, aligned to 16.
/// What is written takes at most a quarter of the stack: Errc::too_large beyond.
Result<UserAddr> build_initial_stack(UserSpace& space, UserRange stack, const StartInfo& info);

}  // namespace meridian
