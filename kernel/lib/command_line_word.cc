// SPDX-License-Identifier: MIT
#include "kernel/lib/command_line_word.h"

#include "kernel/lib/parse.h"

namespace meridian {

CommandLineWord split_word(std::string_view word) {
  CommandLineWord result;
  const bool all_quoted = word.starts_with('"');
  if (all_quoted) {
    word.remove_prefix(1);
    result.balanced = word.ends_with('"');
    if (result.balanced) word.remove_suffix(1);
  }
  const usize equals = word.find('=');
  result.name = word.substr(0, equals);
  if (equals == std::string_view::npos) return result;
  result.has_value = true;
  result.value = word.substr(equals + 1);
  if (!all_quoted && result.value.starts_with('"')) {
    result.value.remove_prefix(1);
    result.balanced = result.value.ends_with('"');
    if (result.balanced) result.value.remove_suffix(1);
  }
  return result;
}

std::optional<std::string_view> command_line_value(std::string_view line, std::string_view name) {
  std::optional<std::string_view> value;
  for (;;) {
    const std::string_view text = next_word(line);
    if (text.empty()) return value;
    const CommandLineWord word = split_word(text);
    if (word.balanced && word.has_value && word.name == name) value = word.value;
  }
}

}  // namespace meridian
