// SPDX-License-Identifier: MIT
/// CHECK is for what cannot happen: a broken invariant of this kernel. What can happen (bad input, no
/// memory) is a Result. A failed CHECK ends in check_failed(), which the kernel's panic path and the
/// host tests each provide.
#pragma once

namespace meridian {

/// Reports the broken invariant and never returns.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace meridian

/// Stops the machine if `condition` is false, in every build. Also usable in constexpr functions: a
/// false condition then does not compile.
#define CHECK(condition)                                               \
  do {                                                                 \
    if (!(condition)) [[unlikely]]                                     \
      ::meridian::check_failed(#condition, __FILE__, __LINE__);        \
  } while (false)

/// Marks the end of an exhaustive switch.
#define UNREACHABLE() ::meridian::check_failed("unreachable", __FILE__, __LINE__)
