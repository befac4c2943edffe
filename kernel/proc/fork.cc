// SPDX-License-Identifier: MIT
#include "kernel/proc/fork.h"

#include <arch/user.h>

#include "kernel/proc/process_table.h"
#include "kernel/proc/signals.h"
#include "mm/user/user_frame.h"

namespace meridian {
namespace {

Result<void> copy_resources(Process& parent, Process& child, const ForkOptions& options) {
  child.set_limits(parent.limits());
  child.set_capabilities(parent.capabilities());
  child.set_files(options.share_files ? parent.files_ref() : TRY(parent.files().copy()));
  child.set_fs(options.share_fs ? parent.fs_ref() : TRY(parent.fs().copy()));
  child.set_space(options.share_space ? parent.space_ref() : TRY(parent.space().duplicate()));
  child.set_executable(parent.executable());
  child.set_places(parent.places());
  child.set_name(parent.name());
  child.on_fault = parent.on_fault;
  child.may_gain_privileges = parent.may_gain_privileges;
  child.oom_adjustment = parent.oom_adjustment.load();
  child.clear_child_tid = options.clear_child_tid;
  return {};
}

/// Handlers and mask are the parent's; nothing waits yet.
void copy_signals(Process& parent, Process& child, const ForkOptions& options) {
  parent.signals.with([&](SignalState& from) {
    child.signals.with([&](SignalState& to) {
      to.blocked = from.blocked;
      to.actions = from.actions;
      if (!options.share_space || options.wait) to.stack = from.stack;
    });
  });
}

Result<void> make_thread(Process& child, const arch::TrapFrame& parents,
                         const ForkOptions& options) {
  arch::TrapFrame frame = parents;
  frame.x[0] = 0;
  if (options.stack != UserAddr(0)) frame.sp = options.stack.value();
  TRY(child.make_thread(frame));
  arch::copy_user_registers(child.thread());
  if (options.thread_pointer) child.thread().tpidr_el0 = *options.thread_pointer;
  return {};
}

/// It is one of the family now, and can be found.
Result<void> enter_table(Process& parent, Process& child, const ForkOptions& options) {
  const u64 most = parent.limit(LimitKind::processes).soft;
  return processes().with([&](ProcessTable& table) -> Result<void> {
    if (table.count() >= most) return Error{Errc::try_again, most};
    table.add(child, false);
    child.set_parent(&parent);
    child.family.group = parent.family.group;
    child.family.session = parent.family.session;
    child.family.exit_signal = options.exit_signal;
    child.family.nice = parent.family.nice;
    parent.children.push_back(child);
    return {};
  });
}

/// Where Linux writes the number only if that works, so do we.
void tell_number(Process& parent, Process& child, const ForkOptions& options) {
  const u32 pid = child.pid();
  const auto bytes = std::as_bytes(std::span(&pid, 1));
  if (options.parent_tid != UserAddr(0)) (void)parent.space().write(options.parent_tid, bytes);
  if (options.child_tid != UserAddr(0)) (void)child.space().write(options.child_tid, bytes);
}

/// Nothing but its own end keeps the parent from waiting for the child.
void wait_until_left(Process& parent, Process& child) {
  const auto has_left = [](bool& left) { return left; };
  const WaitOptions options{.interruptible = true};
  while (!child.left_space.wait(child.has_left_space, has_left, options).has_value()) {
    parent.thread().forget_interrupt();  // before the look: what comes after it interrupts again
    if (has_fatal_signal(parent)) break;
  }
  if (has_signal(parent)) parent.thread().interrupt();
}

}  // namespace

Result<u32> fork_process(const arch::TrapFrame& frame, const ForkOptions& options) {
  Process& parent = Process::current();
  // What the kernel keeps is not for more processes: there must be a frame for a program.
  { const FrameRef probe = FrameRef::adopt(TRY(alloc_frame(FrameOwner::user))); }
  const Ref<Process> child = TRY(Process::make());
  TRY(copy_resources(parent, *child, options));
  copy_signals(parent, *child, options);
  TRY(make_thread(*child, frame, options));
  child->has_left_space.with([&](bool& left) { left = !options.wait; });
  TRY(enter_table(parent, *child, options));
  tell_number(parent, *child, options);
  child->run();
  if (options.wait) wait_until_left(parent, *child);
  return child->pid();
}

}  // namespace meridian
