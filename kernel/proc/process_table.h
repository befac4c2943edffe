// SPDX-License-Identifier: MIT
/// All processes: by number, and who is related to whom. Its lock guards every Process's `family` and
/// `children`; a process is in it from its start until its parent has waited for it.
#pragma once

#include "kernel/proc/process.h"

namespace meridian {

class ProcessTable {
 public:
  /// Process 1: what `init=` names, and the heir of those whose parents end. Null without one.
  static constexpr u32 kInit = 1;
  static constexpr u32 kMostPids = 32'768;

  /// It gets the next free number, or kInit if it `is_init`; the table holds a reference to it.
  void add(Process& process, bool is_init);
  /// Nobody finds it any more; the caller has the table's reference.
  [[nodiscard]] Ref<Process> remove(Process& process);

  Process* find(u32 pid) const { return by_pid_.find(pid); }
  /// The one with the smallest number from `pid` on, or null.
  Process* at_least(u32 pid) const { return by_pid_.at_least(pid); }
  usize count() const { return count_; }
  /// The number that was given out last; 0 before the first.
  u32 newest() const { return last_pid_ == kInit ? 0 : last_pid_; }

  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (Process* process = at_least(0); process != nullptr;
         process = at_least(process->pid() + 1))
      visit(*process);
  }
  /// Somebody of group `group`, ended or not. Null if there is no such group: it lasts until the last of it has been
  /// waited for.
  Process* member_of_group(u32 group) const;
  /// Those of group `group` that have not ended.
  template <typename Visit>
  void for_each_in_group(u32 group, Visit&& visit) const {
    for_each([&](Process& process) {
      if (process.family.group == group && process.family.state != ProcessState::ended)
        visit(process);
    });
  }

 private:
  bool is_taken(u32 pid) const;

  static u32 pid_of(const Process& process) { return process.pid(); }

  Treap<Process, &Process::by_pid, pid_of> by_pid_;
  usize count_ = 0;
  u32 last_pid_ = kInit;
  bool wrapped_ = false;
};

Locked<ProcessTable>& processes();

/// Null if there is none, or it has ended.
Ref<Process> find_process(u32 pid);
/// The one with the smallest number from `pid` on, ended or not, or null: for who looks at all of them, without
/// the lock in between.
Ref<Process> process_from(u32 pid);

}  // namespace meridian
