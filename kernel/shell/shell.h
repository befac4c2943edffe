// SPDX-License-Identifier: MIT
/// The shell: reads lines, finds the command, runs it, reports in one line what went wrong.
/// Commands are separated by ';'. A command that fails does not stop the ones behind it; the line's
/// result is the first failure.
#pragma once

#include <string_view>

#include "kernel/lib/format.h"
#include "kernel/lib/result.h"
#include "kernel/shell/command.h"

namespace meridian {

inline constexpr std::string_view kPrompt = "meridian> ";

class Shell {
 public:
  Shell(CommandList commands, Writer& out) : commands_(commands), out_(out) {}

  /// Runs the commands in `line`, one after the other; errors are printed. The result is the first
  /// error.
  Result<void> run_line(std::string_view line);

 private:
  Result<void> run_command(std::string_view text);
  void report(const Command& command, const Args& args, Error error);

  CommandList commands_;
  Writer& out_;
};

/// The command called `name`; nullptr if there is none.
const Command* find_command(CommandList commands, std::string_view name);

/// Without a name: every command in one line, by group. With one: its usage and what it does;
/// Errc::not_found if there is no such command.
Result<void> print_help(Writer& out, CommandList commands, std::string_view name);

/// What a run of the machine ends with after `result`: 0 for success, a failure's own number (1 to
/// 255) if it has one, else 1.
int exit_status(const Result<void>& result);

/// The shell on the machine's console, for as long as the machine runs.
[[noreturn]] void run_console_shell();
/// Runs one line (the kernel's `run=`) on the console; returns its exit status.
int run_shell_commands(std::string_view line);

}  // namespace meridian
