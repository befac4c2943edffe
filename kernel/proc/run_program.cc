// SPDX-License-Identifier: MIT
#include "kernel/proc/run_program.h"

#include <arch/user.h>

#include "kernel/console/console.h"
#include "kernel/fs/root.h"
#include "kernel/fs/tty.h"
#include "kernel/proc/exec.h"
#include "kernel/proc/process_table.h"

namespace meridian {
namespace {

/// Files 0, 1 and 2.
Result<Ref<FdTable>> terminal_files(const PathStart& start) {
  Ref<FdTable> files = TRY(FdTable::make());
  const Ref<File> terminal =
      TRY(open_path(start, "/dev/console", OpenFlags(OpenFlags::kReadWrite)));
  for (int fd = 0; fd < 3; ++fd) TRY(files->add(terminal, FdTable::CloseOnExec::no, 3));
  return files;
}

Result<ExecStrings> strings_of(std::string_view name, const RunOptions& options) {
  ExecStrings strings;
  TRY(strings.add_argument(name));
  for (const std::string_view argument : options.arguments) TRY(strings.add_argument(argument));
  for (const std::string_view variable : options.environment) TRY(strings.add_variable(variable));
  return strings;
}

Result<void> fill(Process& process, LoadedProgram program) {
  process.set_name(program.name);
  process.set_places(program.places);
  process.set_executable(std::move(program.file));
  process.set_space(std::move(program.space));
  return process.make_thread(arch::user_frame(program.entry, program.stack_pointer));
}

void enter_table(Process& process, const RunOptions& options) {
  processes().with([&](ProcessTable& table) {
    table.add(process, options.is_init);
    process.family.group = process.family.session = process.pid();
    process.family.is_awaited = !options.in_background;
  });
}

/// The terminal's keys go to programs.
class TerminalKeys final : public KeySink {
 public:
  void take(u8 key) override { console_tty().receive(key); }
};
constinit TerminalKeys terminal_keys;

}  // namespace

Result<Ref<Process>> start_program(std::string_view path, const RunOptions& options,
                                   ElfProblem& problem) {
  problem = ElfProblem::none;
  const PathStart start = TRY(root_start());
  Ref<Process> process = TRY(Process::make());
  process->on_fault = options.on_fault;
  process->set_fs(TRY(FsContext::make(start)));
  process->set_files(TRY(terminal_files(start)));
  ExecStrings strings = TRY(strings_of(path, options));
  TRY(fill(*process,
           TRY(load_program(start, path, std::move(strings), process->limits(), problem))));
  enter_table(*process, options);
  if (!options.in_background) console_tty().begin_session(process->pid());
  process->run();
  return process;
}

ProcessEnd wait_for_end(Process& process) {
  const auto ended = [&](ProcessTable&) { return process.family.state == ProcessState::ended; };
  process.own_events.wait(processes(), ended).value();
  const Ref<Process> last =
      processes().with([&](ProcessTable& table) { return table.remove(process); });
  process.thread().join();
  return process.family.end;
}

Result<ProcessEnd> run_program(std::string_view path, const RunOptions& options,
                               ElfProblem& problem) {
  const Ref<Process> process = TRY(start_program(path, options, problem));
  console().send_keys_to(&terminal_keys);
  const ProcessEnd end = wait_for_end(*process);
  console().send_keys_to(nullptr);
  return end;
}

}  // namespace meridian
