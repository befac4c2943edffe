// SPDX-License-Identifier: MIT
#include "kernel/proc/jobs.h"

#include "kernel/proc/signals.h"

namespace meridian {
namespace {

class Jobs final : public TtyJobs {
 public:
  Caller caller() override {
    Process* const process = current_thread().process;
    if (process == nullptr) return {};
    return processes().with([process](ProcessTable&) {
      const Family& family = process->family;
      return Caller{family.session, family.group, family.session == process->pid()};
    });
  }
  void signal_group(u32 group, u8 signal) override {
    (void)send_signal_to_group(group, {.signal = signal, .code = kSiKernel});
  }
  u32 session_of_group(u32 group) override {
    return processes().with([group](ProcessTable& table) {
      const Process* const member = table.member_of_group(group);
      return member == nullptr ? 0 : member->family.session;
    });
  }
  Background signal_background(u8 signal) override;
};
constinit Jobs jobs;

Process* find_or_me(ProcessTable& table, u32 pid) {
  return pid == 0 ? &Process::current() : table.find(pid);
}

/// Is there a group of this number in the session?
bool has_group(const ProcessTable& table, u32 group, u32 session) {
  const Process* const member = table.member_of_group(group);
  return member != nullptr && member->family.session == session;
}

bool has_stopped(const ProcessTable& table, u32 group) {
  bool found = false;
  table.for_each_in_group(
      group, [&](const Process& p) { found |= p.family.state == ProcessState::stopped; });
  return found;
}

bool is_deaf_to(Process& process, Signal signal) {
  return process.signals.with([signal](SignalState& state) {
    return state.blocked.contains(signal) || state.action(signal).handler == SignalAction::kIgnore;
  });
}

TtyJobs::Background Jobs::signal_background(u8 signal) {
  Process& me = Process::current();
  if (is_deaf_to(me, signal)) return Background::deaf;
  return processes().with([&](ProcessTable& table) {
    const u32 group = me.family.group;
    if (is_orphaned(table, group)) return Background::orphaned;
    table.for_each_in_group(group, [&](Process& process) {
      (void)post_signal(table, process, {.signal = signal, .code = kSiKernel});
    });
    return Background::signalled;
  });
}

/// Does `member`'s parent look after it, being of the same session but another group?
bool is_looked_after(const Process& member, const Process* leaving) {
  const Process* const parent = member.family.parent;
  return parent != nullptr && parent != leaving && parent->pid() != ProcessTable::kInit &&
         parent->family.group != member.family.group &&
         parent->family.session == member.family.session;
}

void hang_up_if_orphaned(ProcessTable& table, u32 group, const Process& leaving) {
  if (!is_orphaned(table, group, &leaving) || !has_stopped(table, group)) return;
  table.for_each_in_group(group, [&](Process& process) {
    for (const Signal signal : {kSighup, kSigcont})
      (void)post_signal(table, process, {.signal = signal, .code = kSiKernel});
  });
}

}  // namespace

bool is_orphaned(const ProcessTable& table, u32 group, const Process* leaving) {
  bool has_somebody = false;
  table.for_each_in_group(group, [&](const Process& member) {
    has_somebody |= &member != leaving && is_looked_after(member, leaving);
  });
  return !has_somebody;
}

/// Only groups that `leaving` itself kept from being orphans: its own, by being a member, and those of
/// its children, by being the parent.
void hang_up_orphans(ProcessTable& table, Process& leaving) {
  for (Process* child = leaving.children.front(); child != nullptr;
       child = leaving.children.next(*child)) {
    if (is_looked_after(*child, nullptr)) hang_up_if_orphaned(table, child->family.group, leaving);
  }
  if (is_looked_after(leaving, nullptr)) hang_up_if_orphaned(table, leaving.family.group, leaving);
}

TtyJobs& tty_jobs() { return jobs; }

Result<void> set_process_group(u32 pid, u32 group) {
  Process& me = Process::current();
  return processes().with([&](ProcessTable& table) -> Result<void> {
    Process* const process = find_or_me(table, pid);
    if (process == nullptr || (process != &me && process->family.parent != &me))
      return Error{Errc::not_found, pid};
    Family& family = process->family;
    if (process != &me && family.has_executed) return Error{Errc::no_access, pid};
    const u32 wanted = group == 0 ? process->pid() : group;
    const bool leads_session = family.session == process->pid();
    if (leads_session || family.session != me.family.session ||
        (wanted != process->pid() && !has_group(table, wanted, me.family.session)))
      return Error{Errc::not_permitted, pid};
    family.group = wanted;
    return {};
  });
}

Result<u32> process_group(u32 pid) {
  return processes().with([&](ProcessTable& table) -> Result<u32> {
    Process* const process = find_or_me(table, pid);
    if (process == nullptr) return Error{Errc::not_found, pid};
    return process->family.group;
  });
}

Result<u32> process_session(u32 pid) {
  return processes().with([&](ProcessTable& table) -> Result<u32> {
    Process* const process = find_or_me(table, pid);
    if (process == nullptr) return Error{Errc::not_found, pid};
    return process->family.session;
  });
}

Result<u32> make_session() {
  Process& me = Process::current();
  return processes().with([&](ProcessTable& table) -> Result<u32> {
    if (table.member_of_group(me.pid()) != nullptr)
      return Error{Errc::not_permitted, me.pid()};
    me.family.group = me.family.session = me.pid();
    return me.pid();
  });
}

}  // namespace meridian
