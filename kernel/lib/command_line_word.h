// SPDX-License-Identifier: MIT
/// One word of the command line, as a flag or as name=value. The first instructions of boot look
/// for the layout with this, so it uses no table, writes nothing, and needs no absolute address.
#pragma once

#include <optional>
#include <string_view>

namespace meridian {

struct CommandLineWord {
  std::string_view name, value;
  bool has_value = false;
  bool balanced = true;  // false: it has an open quote
};

/// Both name="a b" and "name=a b" are in use; what is between the quotes counts.
CommandLineWord split_word(std::string_view word);

/// The last value given for `name`, without its quotes; nothing if the word is not there.
std::optional<std::string_view> command_line_value(std::string_view line, std::string_view name);

}  // namespace meridian
