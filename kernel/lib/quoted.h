// SPDX-License-Identifier: MIT
/// Quoted: text from outside, made fit to print. A message that repeats what somebody typed, or
/// what a file contains, must not move the cursor, ring the bell or fill the screen.
#pragma once

#include <string_view>

#include "kernel/lib/format.h"

namespace meridian {

/// Prints as 'text': bytes that are not printable ASCII as \xNN, and at most kLongest of them.
struct Quoted {
  static constexpr usize kLongest = 64;
  std::string_view text;
};

void format_value(Writer& out, const Quoted& quoted, const FormatSpec& spec);

}  // namespace meridian
