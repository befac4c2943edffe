// SPDX-License-Identifier: MIT
#include "kernel/proc/jobs.h"

#include "kernel/proc/signals.h"

namespace meridian {
namespace {

class Jobs final : public TtyJobs {
 public:
  void signal_group(u64 group, u8 signal) override {
    (void)send_signal_to_group(static_cast<u32>(group), {.signal = signal, .code = kSiKernel});
  }
  u64 session_of_caller() override { return process_session(0).value(); }
};
constinit Jobs jobs;

Process* find_or_me(ProcessTable& table, u32 pid) {
  return pid == 0 ? &Process::current() : table.find(pid);
}

/// Is there a group of this number in the session?
bool has_group(const ProcessTable& table, u32 group, u32 session) {
  bool found = false;
  table.for_each_in_group(group,
                          [&](const Process& p) { found |= p.family.session == session; });
  return found;
}

}  // namespace

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
    if (table.for_each_in_group(me.pid(), [](Process&) {}) != 0)
      return Error{Errc::not_permitted, me.pid()};
    me.family.group = me.family.session = me.pid();
    return me.pid();
  });
}

}  // namespace meridian
