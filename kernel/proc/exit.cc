// SPDX-License-Identifier: MIT
#include "kernel/proc/exit.h"

#include <arch/interrupts.h>

#include "kernel/fs/tty.h"
#include "kernel/proc/jobs.h"
#include "kernel/proc/process_table.h"
#include "kernel/proc/signals.h"
#include "mm/user/active_user_space.h"
#include "mm/user/user_copy.h"

namespace meridian {
namespace {

/// Processes that nobody will wait for any more, on their way out of the table.
using Gone = List<Process, &Process::sibling>;

/// Ends its relation to the parent; `gone` gets it with the table's reference.
void reap(ProcessTable& table, Process& process, Gone& gone) {
  if (process.family.parent != nullptr) process.family.parent->children.erase(process);
  gone.push_back(*table.remove(process).let_go());
}

void drop(Gone& gone) {
  while (Process* const process = gone.pop_front()) (void)Ref<Process>::adopt(*process);
}

/// Its parent does not want to know how its children end.
bool is_indifferent(Process& parent) {
  return parent.signals.with([](SignalState& state) {
    const SignalAction& action = state.action(kSigchld);
    return action.handler == SignalAction::kIgnore ||
           (action.flags & SignalAction::kNoChildWait) != 0;
  });
}

/// The children of a process that ends become process 1's, or nobody's.
void give_away_children(ProcessTable& table, Process& process, Gone& gone) {
  Process* const init = table.find(ProcessTable::kInit);
  Process* const heir = init == &process ? nullptr : init;
  bool any_ended = false;
  while (Process* const child = process.children.pop_front()) {
    child->set_parent(heir);
    if (child->family.parent_death_signal != 0)
      (void)post_signal(table, *child,
                        {.signal = child->family.parent_death_signal, .pid = process.pid()});
    const bool ended = child->family.state == ProcessState::ended;
    any_ended |= ended;
    if (heir != nullptr)
      heir->children.push_back(*child);
    else if (ended)
      reap(table, *child, gone);
  }
  if (any_ended && heir != nullptr) heir->child_events.wake_all();
}

/// From now on the process is only how it ended, until its parent has asked.
void mark_ended(ProcessTable& table, Process& me, const ProcessEnd& end, Gone& gone) {
  hang_up_orphans(table, me);
  give_away_children(table, me, gone);
  me.family.state = ProcessState::ended;
  me.family.end = end;
  me.family.usage = usage_of(me);
  const bool exited = end.how == ProcessEnd::How::exited;
  tell_parent(table, me, exited ? kCldExited : kCldKilled, end.status);
  Process* const parent = me.family.parent;
  const bool awaited = parent == nullptr ? me.family.is_awaited : !is_indifferent(*parent);
  if (!awaited) reap(table, me, gone);
  me.own_events.wake_all();
}

/// pthread_join() waits for this. (Waking is for kernels with threads.)
void clear_tid(Process& me) {
  if (me.clear_child_tid != UserAddr(0) && me.space().references() > 1)
    (void)write_user(me.clear_child_tid, u32{0});
}

void leave_space(Process& me) {
  use_user_space(nullptr);
  me.set_space({});
  me.has_left_space.with([](bool& left) { left = true; });
  me.left_space.wake_all();
}

}  // namespace

void exit_process(const ProcessEnd& end) {
  Process& me = Process::current();
  arch::unmask_interrupts();
  me.interval_timers.stop();
  clear_tid(me);
  me.set_files({});
  me.set_fs({});
  me.set_executable({});
  leave_space(me);
  const bool leads = processes().with(
      [&](ProcessTable&) { return me.family.session == me.pid(); });
  if (leads) console_tty().end_session(me.pid());

  Gone gone;
  processes().with([&](ProcessTable& table) { mark_ended(table, me, end, gone); });
  drop(gone);
  current_thread().process = nullptr;
  (void)Ref<Process>::adopt(me);  // the thread's own
  exit_thread();
}

/// Not if what would end the stop has come meanwhile; and a key or the terminal do not stop those whom
/// nobody could let go on.
void stop_process(Signal signal) {
  Process& me = Process::current();
  const bool stopped = processes().with([&](ProcessTable& table) {
    const SignalSet waiting = me.signals.with([](SignalState& s) { return s.pending.pending(); });
    if (waiting.contains(kSigcont) || waiting.contains(kSigkill)) return false;
    if (signal != kSigstop && is_orphaned(table, me.family.group)) return false;
    me.family.state = ProcessState::stopped;
    me.family.stopped_by = signal;
    me.family.continued = false;
    tell_parent(table, me, kCldStopped, signal);
    return true;
  });
  if (!stopped) return;
  const auto goes_on = [&me](ProcessTable&) { return me.family.state != ProcessState::stopped; };
  me.own_events.wait(processes(), goes_on).value();
}

namespace {

bool is_meant(const WaitRequest& request, const Process& child) {
  switch (request.whose) {
    case WaitRequest::Whose::any:
      return true;
    case WaitRequest::Whose::pid:
      return child.pid() == request.id;
    case WaitRequest::Whose::group:
      return child.family.group == request.id;
  }
  UNREACHABLE();
}

/// What there is to tell of `child`; its pid is 0 if there is nothing.
WaitOutcome news_of(const WaitRequest& request, Process& child) {
  Family& family = child.family;
  WaitOutcome outcome;
  if (request.ended && family.state == ProcessState::ended) {
    outcome.pid = child.pid();
    outcome.code = family.end.how == ProcessEnd::How::exited ? kCldExited : kCldKilled;
    outcome.status = family.end.status;
    outcome.wait_status = family.end.wait_status();
  } else if (request.stopped && family.stopped_by != 0) {
    outcome.pid = child.pid();
    outcome.code = kCldStopped;
    outcome.status = family.stopped_by;
    outcome.wait_status = u32{family.stopped_by} << 8 | 0x7f;
    if (!request.leave) family.stopped_by = 0;
  } else if (request.continued && family.continued) {
    outcome.pid = child.pid();
    outcome.code = kCldContinued;
    outcome.status = kSigcont;
    outcome.wait_status = 0xffff;
    if (!request.leave) family.continued = false;
  }
  return outcome;
}

}  // namespace

Result<WaitOutcome> wait_for_child(const WaitRequest& request) {
  Process& me = Process::current();
  WaitOutcome outcome;
  bool has_any = false;
  Gone gone;
  Ref<Process> alive;  // has a space, whose lock sleeps: it is asked when the table is open again
  const auto look = [&](ProcessTable& table) {
    has_any = false;
    for (Process* child = me.children.front(); child != nullptr; child = me.children.next(*child)) {
      if (!is_meant(request, *child)) continue;
      has_any = true;
      outcome = news_of(request, *child);
      if (outcome.pid == 0) continue;
      const bool ended = child->family.state == ProcessState::ended;
      outcome.usage = child->family.children_usage;
      if (ended)
        outcome.usage.add(child->family.usage);
      else
        alive = Ref<Process>(*child);
      if (ended && !request.leave) {
        me.family.children_usage.add(outcome.usage);
        reap(table, *child, gone);
      }
      return true;
    }
    return !has_any || request.no_hang;
  };
  const Result<void> waited = me.child_events.wait(processes(), look, {.interruptible = true});
  drop(gone);
  if (!waited.has_value()) return waited.error();
  if (!has_any) return Error{Errc::not_found};
  if (alive) outcome.usage.add(usage_of(*alive));
  return outcome;
}

}  // namespace meridian
