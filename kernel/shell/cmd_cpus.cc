// SPDX-License-Identifier: MIT
/// cpus, on: what runs where.
#include <arch/interrupts.h>

#include "kernel/init/system.h"
#include "kernel/proc/scheduler.h"
#include "kernel/shell/command.h"
#include "kernel/shell/shell.h"

namespace meridian {
namespace {

Result<void> cmd_cpus(Writer& out, Args& args) {
  TRY(args.end());
  print(out, "{:>3}  {:<18} {:<8} {:>10} {:>10} {:>6}\n", "CPU", "MPIDR affinity", "state",
        "interrupts", "switches", "idle %");
  for (unsigned cpu = 0; cpu < arch::kMaxCpus; ++cpu) {
    const CpuInfo info = cpu_info(cpu);
    if (!info.runs) continue;
    const u64 idle = info.ticks == 0 ? 0 : info.idle_ticks * 100 / info.ticks;
    print(out, "{:>3}  {:018X} {:<8} {:>10} {:>10} {:>6}\n", cpu, info.affinity, "running",
          arch::irq_counts(cpu).handled, info.switches, idle);
  }
  print(out, "{} of {} run\n", running_cpus(), the_system().machine.cpu_count);
  return {};
}
SHELL_COMMAND("cpus", "cpus", "each CPU: who it is, and how busy", cmd_cpus, CommandGroup::machine);

/// A command for another thread, and how it ended.
struct Errand {
  Writer& out;
  std::string_view line;
  Result<void> result;
};

/// on CPU COMMAND: runs a command in a thread that is bound to that CPU.
Result<void> cmd_on(Writer& out, Args& args) {
  const u64 cpu = TRY(args.number("CPU", arch::kMaxCpus - 1));
  if (!cpu_info(static_cast<unsigned>(cpu)).runs) return args.refuse("is no CPU that runs");
  Errand errand{out, args.rest(), {}};
  const auto run = [](void* argument) {
    Errand& mine = *static_cast<Errand*>(argument);
    mine.result = Shell(shell_commands(), mine.out).run_line(mine.line);
  };
  const Ref<Thread> thread =
      TRY(start_thread("on", run, &errand, {.cpu = static_cast<unsigned>(cpu)}));
  thread->join();
  if (errand.result.has_value()) return {};
  return Error{Errc::failed, static_cast<u64>(exit_status(errand.result))};
}
SHELL_COMMAND("on", "on CPU COMMAND...", "run a command on that CPU", cmd_on,
              CommandGroup::machine);

}  // namespace
}  // namespace meridian
