// SPDX-License-Identifier: MIT
#include "kernel/proc/out_of_memory.h"

#include <array>

#include "kernel/console/console.h"
#include "kernel/proc/process_table.h"
#include "kernel/proc/signals.h"
#include "mm/frames/frames.h"

namespace meridian {
namespace {

/// One at a time looks for somebody to kill; those who come meanwhile find memory, then.
constinit Mutex one_at_a_time;

/// Calls `visit(Process&, UserSpace&)` for all that have memory, without a lock.
template <typename Visit>
void for_each_with_memory(Visit&& visit) {
  for (u32 pid = 0;;) {
    const Ref<Process> process = process_from(pid);
    if (!process) return;
    if (const Ref<UserSpace> space = process->share_space()) visit(*process, *space);
    pid = process->pid() + 1;
  }
}

bool is_dying(Process& process) {
  return process.signals.with(
      [](SignalState& state) { return state.pending.pending().contains(kSigkill); });
}

/// Who has most, for the report: as many as a screen has room for.
class Greediest {
 public:
  struct Entry {
    Ref<Process> process;
    Ref<UserSpace> space;
    u64 resident = 0, mapped = 0;
  };

  void look() {
    for_each_with_memory([this](Process& process, UserSpace& space) {
      ++count_;
      const SpaceStats stats = space.stats();
      add({Ref<Process>(process), Ref<UserSpace>(space), stats.resident(), stats.mapped});
    });
  }

  /// Nobody is killed twice, nor who has nothing, nor process 1, which the others need.
  const Entry* victim() const {
    const Ref<Process> init = find_process(ProcessTable::kInit);
    const Ref<UserSpace> spared = init ? init->share_space() : Ref<UserSpace>();
    for (const Entry& entry : entries_) {
      if (!entry.process || entry.resident == 0 || entry.space == spared) continue;
      if (!is_dying(*entry.process)) return &entry;
    }
    return nullptr;
  }

  void print_to(Writer& out, const Entry* killed) const {
    print(out, "out of memory: {} frames are free, and the kernel keeps {}\n", common_frame_count(),
          kept_frames());
    print(out, "  {:<6} {:<16} {:<10} {:<10}\n", "pid", "name", "resident", "mapped");
    for (const Entry& entry : entries_) {
      if (!entry.process) break;
      print(out, "  {:<6} {:<16} {:<10} {:<10}{}\n", entry.process->pid(),
            entry.process->name(), Bytes{entry.resident << kPageShift}, Bytes{entry.mapped << kPageShift},
            &entry == killed ? "  killed" : "");
    }
    if (count_ > entries_.size()) print(out, "  and {} more\n", count_ - entries_.size());
  }

 private:
  /// Into its place: the one that has most comes first.
  void add(Entry entry) {
    for (Entry& each : entries_)
      if (!each.process || each.resident <= entry.resident) std::swap(each, entry);
  }

  std::array<Entry, 16> entries_;
  usize count_ = 0;
};

void kill(Process& process) {
  (void)send_signal(process, {.signal = kSigkill, .code = kSiKernel});
}

/// With all who share its memory, which would else stay.
void kill_all_of(const UserSpace& space) {
  for_each_with_memory([&space](Process& process, UserSpace& its) {
    if (&its == &space) kill(process);
  });
}

/// Kills who has most, and takes his memory. False if there is nobody to kill.
bool kill_greediest() {
  Greediest greediest;
  greediest.look();
  const Greediest::Entry* const victim = greediest.victim();
  greediest.print_to(console(), victim);
  if (victim == nullptr) return false;
  kill_all_of(*victim->space);
  victim->space->reap();
  return true;
}

}  // namespace

bool relieve_memory() {
  if (current_thread().process == nullptr) return false;
  Process& me = Process::current();
  const MutexGuard guard(one_at_a_time);
  if (is_dying(me)) return false;
  // Somebody may have freed memory while this one waited for his turn.
  if (common_frame_count() > kept_frames()) return true;
  return kill_greediest() && !is_dying(me);
}

}  // namespace meridian
