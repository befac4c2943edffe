// SPDX-License-Identifier: MIT
/// The end of a kernel that cannot go on: what was wrong, how the code came there, then power off
/// with a failure status. A panic inside a panic only stops.
#pragma once

#include "kernel/lib/format.h"

namespace meridian {

/// The status a panic powers off with; others are a command's or a test's own.
inline constexpr int kPanicStatus = 101;

/// Starts the report, and stops the other CPUs; a second call stops the machine instead, and on
/// another CPU only that. Text for the report goes to what it returns, which needs no lock.
Writer& panic_begin();
/// Ends the report: the backtrace of the caller, then power off.
[[noreturn]] void panic_end();
/// Ends a report that has its own backtrace.
[[noreturn]] void panic_power_off();

/// panic("no {} at {}", what, va): one block of lines and the end.
template <typename... Args>
[[noreturn]] void panic(FormatString<std::type_identity_t<Args>...> format, const Args&... args) {
  Writer& out = panic_begin();
  print<Args...>(out, format, args...);
  out.put('\n');
  panic_end();
}

}  // namespace meridian
