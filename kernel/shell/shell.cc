// SPDX-License-Identifier: MIT
#include "kernel/shell/shell.h"

#include "kernel/lib/quoted.h"

namespace meridian {
namespace {

/// Splits off what comes before the first ';' that is not between quotes.
std::string_view next_command(std::string_view& line) {
  char quote = 0;
  usize end = 0;
  for (; end < line.size(); ++end) {
    const char c = line[end];
    if (quote != 0)
      quote = c == quote ? char{0} : quote;
    else if (c == '"' || c == '\'')
      quote = c;
    else if (c == ';')
      break;
  }
  const std::string_view command = line.substr(0, end);
  line.remove_prefix(end < line.size() ? end + 1 : end);
  return command;
}

std::string_view title_of(CommandGroup group) {
  switch (group) {
    case CommandGroup::address_space:
      return "the address space";
    case CommandGroup::memory:
      return "memory and its allocators";
    case CommandGroup::access:
      return "touching memory";
    case CommandGroup::programs:
      return "programs";
    case CommandGroup::checks:
      return "seeing and checking";
    case CommandGroup::machine:
      return "the machine";
  }
  UNREACHABLE();
}

/// False if the number that belongs to an error of this kind says nothing to a person.
bool is_about_something(Error error) { return error.about != 0; }

}  // namespace

Result<void> Shell::run_line(std::string_view line) {
  Result<void> first;
  while (!line.empty()) {
    const Result<void> result = run_command(next_command(line));
    if (first.has_value()) first = result;
  }
  return first;
}

Result<void> Shell::run_command(std::string_view text) {
  const Result<std::string_view> name = next_shell_word(text);
  if (!name.has_value()) {
    if (name.error().code == Errc::not_found) return {};  // nothing between two semicolons
    out_.write("a quote does not close\n");
    return name.error();
  }
  const Command* command = find_command(commands_, name.value());
  if (command == nullptr) {
    print(out_, "{}: no such command; 'help' lists them\n", Quoted{name.value()});
    return Error{Errc::not_found};
  }
  Args args(text);
  const Result<void> result = command->run(out_, args);
  if (!result.has_value()) report(*command, args, result.error());
  return result;
}

void Shell::report(const Command& command, const Args& args, Error error) {
  if (args.has_complaint()) {
    print(out_, "{}: ", command.name);
    args.print_complaint(out_);
    print(out_, "; usage: {}\n", command.usage);
  } else if (error.code == Errc::failed) {
    return;  // it has said why
  } else if (is_about_something(error)) {
    print(out_, "{}: {} ({:X})\n", command.name, name_of(error.code), error.about);
  } else {
    print(out_, "{}: {}\n", command.name, name_of(error.code));
  }
}

const Command* find_command(CommandList commands, std::string_view name) {
  for (const Command* command : commands)
    if (command->name == name) return command;
  return nullptr;
}

Result<void> print_help(Writer& out, CommandList commands, std::string_view name) {
  if (!name.empty()) {
    const Command* command = find_command(commands, name);
    if (command == nullptr) return Error{Errc::not_found};
    print(out, "{}\n  {}\n", command->usage, command->summary);
    return {};
  }
  for (const CommandGroup group : kCommandGroups) {
    bool first = true;
    for (const Command* command : commands) {
      if (command->group != group) continue;
      if (first) print(out, "{}\n", title_of(group));
      print(out, "  {:<34} {}\n", command->usage, command->summary);
      first = false;
    }
  }
  return {};
}

int exit_status(const Result<void>& result) {
  if (result.has_value()) return 0;
  const Error error = result.error();
  const bool has_status = error.code == Errc::failed && error.about >= 1 && error.about <= 255;
  return has_status ? static_cast<int>(error.about) : 1;
}

}  // namespace meridian
