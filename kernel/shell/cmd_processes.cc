// SPDX-License-Identifier: MIT
/// ps, kill, maps, pages: programs that run, and their memory.
#include <arch/clock.h>

#include "kernel/fs/proc_fs.h"
#include "kernel/proc/proc_source.h"
#include "kernel/proc/signals.h"
#include "kernel/proc/thread.h"
#include "kernel/shell/command.h"
#include "kernel/shell/process_arg.h"

namespace meridian {
namespace {

u64 microseconds(u64 ticks) {
  const u64 frequency = arch::counter_frequency();
  return ticks / frequency * 1'000'000 + ticks % frequency * 1'000'000 / frequency;
}

void print_process(Writer& out, const ProcStatus& p) {
  print(out, "{:>5} {:>5}  {:<10} {:>3} {:>7}K {:>7}K {:>5}.{:02}  {}\n", p.process, p.parent,
        name_of_state(p.state), p.processor, p.size / 1024, p.resident / 1024, p.user_time / 100,
        p.user_time % 100, p.name);
}

void print_processes(Writer& out) {
  ProcSource& source = proc_source();
  u64 pid = source.next(1);
  if (pid == 0) return;
  print(out, "{:>5} {:>5}  {:<10} {:>3} {:>8} {:>8} {:>8}  {}\n", "pid", "ppid", "state", "CPU",
        "size", "rss", "time s", "name");
  for (; pid != 0; pid = source.next(pid + 1))
    (void)with_process(source, pid, [&](ProcSubject& p) { print_process(out, p.status()); });
  out.put('\n');
}

Result<void> cmd_ps(Writer& out, Args& args) {
  TRY(args.end());
  print_processes(out);
  print(out, "{:>5}  {:<8} {:>3} {:<5} {:>12}  {}\n", "id", "state", "CPU", "bound", "time us",
        "thread");
  std::optional<ThreadInfo> thread = next_thread(0);
  for (; thread; thread = next_thread(thread->id))
    print(out, "{:>5}  {:<8} {:>3} {:<5} {:>12}  {}\n", thread->id, name_of(thread->state),
          thread->cpu, thread->bound ? "yes" : "no", microseconds(thread->run_time),
          thread->name.view());
  return {};
}
SHELL_COMMAND("ps", "ps", "the processes and threads: state, CPU, memory, time", cmd_ps,
              CommandGroup::programs);

Result<void> cmd_kill(Writer&, Args& args) {
  const Ref<Process> process = TRY(process_argument(args));
  const u64 signal = args.more() ? TRY(args.number("SIGNAL", kMostSignals)) : kSigterm;
  if (signal == 0) return args.refuse("is no signal");
  TRY(args.end());
  return send_signal(*process, {.signal = static_cast<Signal>(signal), .code = kSiKernel});
}
SHELL_COMMAND("kill", "kill PID [SIGNAL]", "send a process a signal (15: please end; 9: end)",
              cmd_kill, CommandGroup::programs);

Result<void> cmd_maps(Writer& out, Args& args) {
  const Ref<Process> process = TRY(process_argument(args));
  TRY(args.end());
  return with_process(proc_source(), process->pid(),
                      [&](ProcSubject& subject) { subject.print_maps(out); });
}
SHELL_COMMAND("maps", "maps PID", "what is mapped in a process (/proc/PID/maps)", cmd_maps,
              CommandGroup::address_space);

void print_frame(Writer& out, UserSpace& space, UserAddr page) {
  const Result<Translation> found = space.translate(page);
  if (!found.has_value()) {
    print(out, "{}  no frame\n", page);
    return;
  }
  const Frame frame = Frame::containing(found.value().pa);
  const FrameInfo& info = frame_info(frame);
  print(out, "{}  PFN {:x}  {}  {}  {} references\n", page, frame.number(),
        found.value().attributes.write ? "rw" : "ro", name_of(info.owner()), info.references());
}

Result<void> cmd_pages(Writer& out, Args& args) {
  constexpr u64 kMostPages = 4096;
  const Ref<UserSpace> space = TRY(space_argument(args));
  const UserAddr first = UserAddr(TRY(args.address("VA")).value()).align_down(kPageSize);
  const u64 pages = args.more() ? TRY(args.number("PAGES", kMostPages)) : 1;
  TRY(args.end());
  for (u64 i = 0; i < pages; ++i) print_frame(out, *space, first + i * kPageSize);
  return {};
}
SHELL_COMMAND("pages", "pages PID VA [PAGES]", "the frames behind pages of a process", cmd_pages,
              CommandGroup::address_space);

}  // namespace
}  // namespace meridian
