// SPDX-License-Identifier: MIT
/// Who runs where, and before whom.
#include "kernel/syscall/schedule.h"

#include <algorithm>

#include "kernel/proc/process_table.h"
#include "kernel/proc/scheduler.h"
#include "kernel/syscall/time_spec.h"

namespace meridian {
namespace {

/// The process that `pid` names; 0 is the caller. Null if there is none.
Ref<Process> find_process(const Syscall& call, i32 pid) {
  return pid == 0 ? Ref<Process>(call.caller) : meridian::find_process(static_cast<u32>(pid));
}

/// The CPUs that run, a bit each.
u64 running_cpu_mask() {
  u64 mask = 0;
  for (unsigned cpu = 0; cpu < arch::kMaxCpus; ++cpu) mask |= u64{cpu_info(cpu).runs} << cpu;
  return mask;
}

}  // namespace

SyscallResult sys_sched_yield(const Syscall&) {
  yield();
  return u64{0};
}

/// As a set of words, as many as are needed; returns its size.
SyscallResult sys_sched_getaffinity(const Syscall& call) {
  const u64 size = static_cast<u32>(call.x[1]);
  if (size < sizeof(u64) || size % sizeof(u64) != 0) return Errno::einval;
  const Ref<Process> process = find_process(call, call.integer(0));
  if (!process) return Errno::esrch;
  TRY(write_user(call.address(2), running_cpu_mask()));
  return sizeof(u64);
}

/// The node is 0.
SyscallResult sys_getcpu(const Syscall& call) {
  const u32 cpu = static_cast<u32>(current_thread().cpu);
  if (call.x[0] != 0) TRY(write_user(call.address(0), cpu));
  if (call.x[1] != 0) TRY(write_user(call.address(1), u32{0}));
  return u64{0};
}

namespace {

constexpr i32 kSchedOther = 0;

/// struct sched_param: with SCHED_OTHER the priority is always 0.
SyscallResult check_parameter(UserAddr from) {
  return TRY(read_user<i32>(from)) == 0 ? SyscallResult(u64{0}) : Errno::einval;
}

/// What concerns a process that must be there, and a parameter.
SyscallResult check_request(const Syscall& call, UserAddr parameter) {
  if (parameter == UserAddr(0) || call.integer(0) < 0) return Errno::einval;
  if (!find_process(call, call.integer(0))) return Errno::esrch;
  return check_parameter(parameter);
}

}  // namespace

SyscallResult sys_sched_setparam(const Syscall& call) {
  return check_request(call, call.address(1));
}

SyscallResult sys_sched_setscheduler(const Syscall& call) {
  if (call.integer(1) != kSchedOther) return Errno::einval;
  return check_request(call, call.address(2));
}

SyscallResult sys_sched_getscheduler(const Syscall& call) {
  if (call.integer(0) < 0) return Errno::einval;
  if (!find_process(call, call.integer(0))) return Errno::esrch;
  return u64{kSchedOther};
}

SyscallResult sys_sched_getparam(const Syscall& call) {
  if (call.x[1] == 0 || call.integer(0) < 0) return Errno::einval;
  if (!find_process(call, call.integer(0))) return Errno::esrch;
  return write_user(call.address(1), i32{0});
}

/// Of SCHED_OTHER: the lowest and the highest one are 0.
SyscallResult sys_sched_priority_bound(const Syscall& call) {
  return call.integer(0) == kSchedOther ? SyscallResult(u64{0}) : Errno::einval;
}

SyscallResult sys_sched_rr_get_interval(const Syscall& call) {
  if (call.integer(0) < 0) return Errno::einval;
  if (!find_process(call, call.integer(0))) return Errno::esrch;
  return write_user(call.address(1), spec_of(kSliceMilliseconds * 1'000'000));
}

namespace {

constexpr i32 kLowestNice = -20, kHighestNice = 19;

/// Calls visit(process) for those that getpriority() and setpriority() are about; false if `which`
/// is none of their words. (Every process is user 0's.)
template <typename Visit>
bool for_each_meant(const Syscall& call, Visit&& visit) {
  enum class Which : u64 { process = 0, group = 1, user = 2 };
  const Which which{static_cast<u32>(call.x[0])};
  const u32 who = static_cast<u32>(call.x[1]);
  if (which > Which::user) return false;
  processes().with([&](ProcessTable& table) {
    const u32 group = who == 0 ? call.caller.family.group : who;
    const u32 pid = who == 0 ? call.caller.pid() : who;
    table.for_each([&](Process& process) {
      const bool meant = which == Which::process ? process.pid() == pid
                         : which == Which::group ? process.family.group == group
                                                 : who == 0;
      if (meant) visit(process);
    });
  });
  return true;
}

}  // namespace

/// Kept, and without effect.
SyscallResult sys_setpriority(const Syscall& call) {
  const i32 nice = std::clamp(call.integer(2), kLowestNice, kHighestNice);
  usize count = 0;
  const auto set = [&](Process& process) { process.family.nice = static_cast<i8>(nice), ++count; };
  if (!for_each_meant(call, set)) return Errno::einval;
  return count == 0 ? Errno::esrch : SyscallResult(u64{0});
}

/// The most favoured, as 20 - nice: no result may look like an error.
SyscallResult sys_getpriority(const Syscall& call) {
  i32 best = 0;
  const auto look = [&](Process& process) { best = std::max(best, 20 - process.family.nice); };
  if (!for_each_meant(call, look)) return Errno::einval;
  return best == 0 ? Errno::esrch : SyscallResult(static_cast<u64>(best));
}

}  // namespace meridian
