// SPDX-License-Identifier: MIT
/// The shell on the machine's console, and the list of commands as the linker made it.
#include "kernel/console/console.h"
#include "kernel/shell/line_editor.h"
#include "kernel/shell/shell.h"

#pragma GCC visibility push(hidden)
extern "C" {
extern const meridian::Command* const __shell_commands_start[];
extern const meridian::Command* const __shell_commands_end[];
}
#pragma GCC visibility pop

namespace meridian {
namespace {

constinit LineEditor editor;  // too large for a stack; one console, one reader

Result<void> cmd_help(Writer& out, Args& args) {
  const std::string_view name = args.more() ? TRY(args.word("COMMAND")) : std::string_view{};
  TRY(args.end());
  if (!print_help(out, shell_commands(), name).has_value()) return args.refuse("is not a command");
  return {};
}
SHELL_COMMAND("help", "help [COMMAND]", "list the commands, or say what one does", cmd_help,
              CommandGroup::machine);

}  // namespace

CommandList shell_commands() { return {__shell_commands_start, __shell_commands_end}; }

void run_console_shell() {
  Shell shell(shell_commands(), console());
  for (;;) {
    editor.start(console(), kPrompt, shell_commands());
    while (!editor.feed(console().read())) {
    }
    (void)shell.run_line(editor.line());  // it has printed what went wrong
  }
}

int run_shell_commands(std::string_view line) {
  return exit_status(Shell(shell_commands(), console()).run_line(line));
}

}  // namespace meridian
