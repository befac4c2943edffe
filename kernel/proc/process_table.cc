// SPDX-License-Identifier: MIT
#include "kernel/proc/process_table.h"

namespace meridian {
namespace {

constinit Locked<ProcessTable> process_table;

}  // namespace

Locked<ProcessTable>& processes() { return process_table; }

/// A number is free again when neither a process nor a group nor a session has it.
bool ProcessTable::is_taken(u32 pid) const {
  if (find(pid) != nullptr) return true;
  if (!wrapped_) return false;
  bool taken = false;
  for_each([&](const Process& p) { taken |= p.family.group == pid || p.family.session == pid; });
  return taken;
}

/// Low numbers are for what starts early, as on Linux.
void ProcessTable::add(Process& process, bool is_init) {
  constexpr u32 kFirstAgain = 300;
  if (is_init) {
    CHECK(find(kInit) == nullptr);
    process.pid_ = kInit;
  } else {
    do {
      if (++last_pid_ == kMostPids) last_pid_ = kFirstAgain, wrapped_ = true;
    } while (is_taken(last_pid_));
    process.pid_ = last_pid_;
  }
  process.add_ref();
  by_pid_.insert(process);
  ++count_;
}

Ref<Process> ProcessTable::remove(Process& process) {
  by_pid_.erase(process);
  --count_;
  return Ref<Process>::adopt(process);
}

Process* ProcessTable::member_of_group(u32 group) const {
  for (Process* process = at_least(0); process != nullptr; process = at_least(process->pid() + 1))
    if (process->family.group == group) return process;
  return nullptr;
}

Ref<Process> find_process(u32 pid) {
  return processes().with([pid](ProcessTable& table) {
    Process* const process = table.find(pid);
    if (process == nullptr || process->family.state == ProcessState::ended) return Ref<Process>();
    return Ref<Process>(*process);
  });
}

Ref<Process> process_from(u32 pid) {
  return processes().with([pid](ProcessTable& table) {
    Process* const process = table.at_least(pid);
    return process == nullptr ? Ref<Process>() : Ref<Process>(*process);
  });
}

}  // namespace meridian
