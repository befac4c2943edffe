// SPDX-License-Identifier: MIT
/// A shell command, and how one comes into the shell: SHELL_COMMAND beside the function that does
/// it. The linker collects the commands, sorted by name.
#pragma once

#include <span>
#include <string_view>

#include "kernel/lib/format.h"
#include "kernel/lib/result.h"
#include "kernel/shell/args.h"

namespace meridian {

/// `help` lists commands by group, in this order.
enum class CommandGroup : u8 {
  address_space,
  memory,
  access,
  programs,
  checks,
  machine,
};
inline constexpr CommandGroup kCommandGroups[] = {
    CommandGroup::address_space, CommandGroup::memory, CommandGroup::access,
    CommandGroup::programs,      CommandGroup::checks, CommandGroup::machine,
};

struct Command {
  std::string_view name;
  std::string_view usage;    // "walk VA"
  std::string_view summary;  // one clause: what it does
  /// Prints to `out`; takes all its arguments and args.end() before it does anything. An Error
  /// makes the line fail; the shell says why. Errc::failed says nothing more: its number is the
  /// exit status.
  Result<void> (*run)(Writer& out, Args& args);
  CommandGroup group = CommandGroup::checks;
};

/// The commands, in ascending order of name.
using CommandList = std::span<const Command* const>;

/// All commands that are linked into this kernel.
CommandList shell_commands();

}  // namespace meridian

/// SHELL_COMMAND("walk", "walk VA", "print each descriptor that leads to VA", cmd_walk,
///               CommandGroup::address_space);
/// The function comes last but for the group; without one the command is listed under the checks.
#define SHELL_COMMAND(name, usage, summary, ...)                                                \
  namespace {                                                                                   \
  constexpr ::meridian::Command MERIDIAN_JOIN(shell_command_, __LINE__){name, usage, summary,   \
                                                                        __VA_ARGS__};           \
  [[gnu::section(".shell_commands." name), gnu::used]] constexpr const ::meridian::Command*     \
      MERIDIAN_JOIN(shell_command_entry_, __LINE__) = &MERIDIAN_JOIN(shell_command_, __LINE__); \
  }                                                                                             \
  static_assert(true, "so that a semicolon may follow")
