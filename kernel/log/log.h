// SPDX-License-Identifier: MIT
/// What the kernel says of itself while it starts: short lines for a person, a topic in the first
/// column.
#pragma once

#include <string_view>

#include "kernel/lib/format.h"

namespace meridian {

/// Prints `topic` and `text` as one line on the console.
void log_line(std::string_view topic, std::string_view text);

/// log("memory", "{} of RAM", Bytes{ram}): one line; at most kLogLineSize characters of text.
inline constexpr usize kLogLineSize = 160;
template <typename... Args>
void log(std::string_view topic, FormatString<std::type_identity_t<Args>...> format,
         const Args&... args) {
  BufferWriter<kLogLineSize> line;
  print<Args...>(line, format, args...);
  log_line(topic, line.text());
}

}  // namespace meridian
