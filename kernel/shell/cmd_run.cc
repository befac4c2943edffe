// SPDX-License-Identifier: MIT
/// run: a program from the initramfs, until it ends. syscalls: what programs have asked for.
#include <array>

#include "kernel/fs/cpio.h"
#include "kernel/init/system.h"
#include "kernel/lib/quoted.h"
#include "kernel/proc/run_program.h"
#include "kernel/shell/command.h"
#include "kernel/syscall/syscall.h"

namespace meridian {
namespace {

constexpr usize kMostArguments = 16;

/// Why there is no such program, in one line.
Error say_why_missing(Writer& out, std::string_view path) {
  const std::span<const std::byte> archive = the_system().initramfs;
  const Error missing{Errc::failed, 127};
  if (archive.empty()) {
    out.write("run: there is no initramfs (QEMU: -initrd FILE)\n");
    return missing;
  }
  const Result<CpioEntry> entry = find_in_cpio(archive, path);
  if (entry.has_value() || entry.error().code == Errc::not_found)
    print(out, "run: no program {} in the initramfs\n", Quoted{path});
  else
    print(out, "run: the initramfs is {}\n", name_of(archive_kind(archive)));
  return missing;
}

Error say_why_not(Writer& out, std::string_view name, std::string_view path, Error error,
                  ElfProblem problem) {
  const bool is_missing = error.code == Errc::not_found || error.code == Errc::not_a_directory ||
                          error.code == Errc::no_access;
  if (is_missing && problem == ElfProblem::none) return say_why_missing(out, path);
  if (problem != ElfProblem::none)
    print(out, "run: {} cannot run: {} (at byte {})\n", Quoted{name}, text_of(problem),
          error.about);
  else
    print(out, "run: {} cannot run: {}\n", Quoted{name}, name_of(error.code));
  return {Errc::failed, 126};
}

Result<void> say_how_it_ended(Writer& out, std::string_view name, const ProcessEnd& end) {
  const Signal signal = static_cast<Signal>(end.status);
  if (end.how == ProcessEnd::How::exited)
    print(out, "{} exited with status {}\n", name, end.status);
  else if (end.fault.esr != 0)
    print(out, "{} was killed ({}): {}\n", name, name_of_signal(signal), end.fault);
  else
    print(out, "{} was killed ({})\n", name, name_of_signal(signal));
  if (end.exit_status() == 0) return {};
  return Error{Errc::failed, static_cast<u64>(end.exit_status())};
}

/// A name without '/' is looked for in /bin.
Result<void> cmd_run(Writer& out, Args& args) {
  const std::string_view name = TRY(args.word("PROGRAM"));
  std::array<std::string_view, kMostArguments> words;
  usize count = 0;
  while (args.more()) {
    const std::string_view word = TRY(args.word("ARGUMENT"));
    if (count == words.size()) return args.refuse("is one argument too many: 16 is the most");
    words[count++] = word;
  }
  BufferWriter<256> path;
  print(path, "{}{}", name.find('/') == std::string_view::npos ? "/bin/" : "", name);
  const bool in_background = count != 0 && words[count - 1] == "&";
  if (in_background) --count;
  const RunOptions options{.arguments = std::span(words).first(count),
                           .environment = kUsualEnvironment,
                           .in_background = in_background};
  ElfProblem problem;
  if (in_background) {
    const Result<Ref<Process>> started = start_program(path.text(), options, problem);
    if (!started.has_value()) return say_why_not(out, name, path.text(), started.error(), problem);
    print(out, "{} runs as process {}\n", name, started.value()->pid());
    return {};
  }
  const Result<ProcessEnd> end = run_program(path.text(), options, problem);
  if (!end.has_value()) return say_why_not(out, name, path.text(), end.error(), problem);
  return say_how_it_ended(out, name, end.value());
}
SHELL_COMMAND("run", "run PROGRAM [ARGUMENT...] [&]",
              "run a program from the initramfs; with & do not wait for its end", cmd_run,
              CommandGroup::programs);

Result<void> cmd_syscalls(Writer& out, Args& args) {
  TRY(args.end());
  print(out, "{:>6}  {:<20} {:>10}\n", "number", "name", "calls");
  for (u32 number = 0; number <= kSyscallNumbers; ++number) {
    const SyscallCount count = syscall_count(number);
    if (count.calls == 0) continue;
    const std::string_view name = count.name.empty() ? "not here: ENOSYS" : count.name;
    print(out, "{:>6}  {:<20} {:>10}\n", number, name, count.calls);
  }
  return {};
}
SHELL_COMMAND("syscalls", "syscalls", "how often programs made which system call", cmd_syscalls,
              CommandGroup::programs);

}  // namespace
}  // namespace meridian
