// SPDX-License-Identifier: MIT
/// Time: clocks, sleeps, interval timers, and what processes have used.
#include "kernel/syscall/time.h"

#include <arch/clock.h>

#include "kernel/proc/process_table.h"
#include "kernel/syscall/time_spec.h"
#include "kernel/time/clock.h"
#include "mm/page_size.h"

namespace meridian {
namespace {

/// struct timeval.
struct TimeValue {
  i64 seconds, microseconds;
};
constexpr u64 kPerMicrosecond = 1000;
constexpr u64 kMicrosecondsPerSecond = 1'000'000;

TimeValue value_of(u64 nanoseconds) {
  const TimeSpec spec = spec_of(nanoseconds);
  return {spec.seconds, spec.nanoseconds / static_cast<i64>(kPerMicrosecond)};
}

Result<u64> join(TimeValue value) {
  return meridian::join(value.seconds, value.microseconds, kMicrosecondsPerSecond);
}

u64 ticks_of(u64 nanoseconds) { return meridian::ticks_of(nanoseconds, arch::counter_frequency()); }
u64 nanoseconds_of(u64 ticks) { return meridian::nanoseconds_of(ticks, arch::counter_frequency()); }

/// clockid_t.
enum class ClockId : i32 {
  real = 0,
  monotonic = 1,
  process_cpu = 2,
  thread_cpu = 3,
  monotonic_raw = 4,
  real_coarse = 5,
  monotonic_coarse = 6,
  boot = 7,
  real_alarm = 8,
  boot_alarm = 9,
  tai = 11,
};

/// The clock by which `id` goes, if it shows the time of day or since the start. (The machine never
/// sleeps, and keeps no leap seconds.)
std::optional<Clock> wall_clock(ClockId id) {
  switch (id) {
    case ClockId::real:
    case ClockId::real_coarse:
    case ClockId::real_alarm:
    case ClockId::tai:
      return Clock::real;
    case ClockId::monotonic:
    case ClockId::monotonic_raw:
    case ClockId::monotonic_coarse:
    case ClockId::boot:
    case ClockId::boot_alarm:
      return Clock::since_start;
    case ClockId::process_cpu:
    case ClockId::thread_cpu:
      return std::nullopt;
  }
  return std::nullopt;
}

/// A clock of a process's CPU time: two ids name the caller's; a negative one has the complement of
/// a process's number in its upper bits, and in the lower three which of its times is meant, all of
/// which are the same here.
std::optional<u32> whose_cpu_clock(i32 id, u32 caller) {
  constexpr i32 kWhich = 3, kFile = 3;
  if (id == static_cast<i32>(ClockId::process_cpu) || id == static_cast<i32>(ClockId::thread_cpu))
    return caller;
  if (id >= 0 || (id & kWhich) == kFile) return std::nullopt;
  const u32 pid = static_cast<u32>(~(id >> 3));
  return pid == 0 ? caller : pid;
}

/// Errc::invalid_argument if there is no such clock.
Result<u64> read_clock(i32 id, u32 caller) {
  if (const std::optional<Clock> clock = wall_clock(ClockId{id})) return time_of(*clock);
  const std::optional<u32> pid = whose_cpu_clock(id, caller);
  const Ref<Process> process = pid ? find_process(*pid) : Ref<Process>();
  if (!process) return Error{Errc::invalid_argument};
  return nanoseconds_of(run_time_of(*process));
}

}  // namespace

SyscallResult sys_clock_gettime(const Syscall& call) {
  const u64 now = TRY(read_clock(call.integer(0), call.caller.pid()));
  return write_user(call.address(1), spec_of(now));
}

/// One tick of the counter, for all of them.
SyscallResult sys_clock_getres(const Syscall& call) {
  TRY(read_clock(call.integer(0), call.caller.pid()));
  if (call.x[1] == 0) return u64{0};
  const u64 frequency = arch::counter_frequency();
  const u64 tick = (kNanosecondsPerSecond + frequency - 1) / frequency;
  return write_user(call.address(1), spec_of(tick));
}

SyscallResult sys_clock_settime(const Syscall& call) {
  const i32 id = call.integer(0);
  TRY(read_clock(id, call.caller.pid()));
  if (!wall_clock(ClockId{id})) return Errno::eperm;
  if (ClockId{id} != ClockId::real) return Errno::einval;
  set_real_time(TRY(read_spec(call.address(1))));
  return u64{0};
}

/// The time zone is always UTC.
SyscallResult sys_gettimeofday(const Syscall& call) {
  struct TimeZone {
    i32 minutes_west = 0, daylight_saving = 0;
  };
  if (call.x[0] != 0) TRY(write_user(call.address(0), value_of(real_time())));
  if (call.x[1] != 0) TRY(write_user(call.address(1), TimeZone{}));
  return u64{0};
}

/// A time zone is not kept.
SyscallResult sys_settimeofday(const Syscall& call) {
  if (call.x[0] == 0) return u64{0};
  set_real_time(TRY(join(TRY(read_user<TimeValue>(call.address(0))))));
  return u64{0};
}

namespace {

/// What is left of a sleep that a signal ended.
Result<void> tell_rest(UserAddr to, u64 end) {
  const u64 now = time_since_start();
  return to == UserAddr(0) ? Result<void>{} : write_user(to, spec_of(end > now ? end - now : 0));
}

/// For so long. If a signal comes for which no handler runs, the call is made again and goes on
/// where it was, by the machine's clock and not by the setting of another.
SyscallResult sleep_for(const Syscall& call, u64 nanoseconds, UserAddr rest) {
  const u64 fresh = later(time_since_start(), nanoseconds);
  const u64 end = std::exchange(call.caller.interrupted_sleep, std::nullopt).value_or(fresh);
  const Result<void> slept = sleep_until(Clock::since_start, end);
  if (slept.has_value()) return u64{0};
  TRY(tell_rest(rest, end));
  call.caller.interrupted_sleep = end;
  return Errno::eintr;
}

}  // namespace

SyscallResult sys_nanosleep(const Syscall& call) {
  return sleep_for(call, TRY(read_spec(call.address(0))), call.address(1));
}

/// By the clocks of CPU time nobody sleeps here.
SyscallResult sys_clock_nanosleep(const Syscall& call) {
  constexpr u64 kAbsolute = 1;
  const i32 id = call.integer(0);
  TRY(read_clock(id, call.caller.pid()));
  const bool can_sleep = ClockId{id} == ClockId::real || ClockId{id} == ClockId::monotonic ||
                         ClockId{id} == ClockId::boot || ClockId{id} == ClockId::tai;
  if (!can_sleep) return Errno::eopnotsupp;
  const u64 time = TRY(read_spec(call.address(2)));
  if ((call.x[1] & kAbsolute) == 0) return sleep_for(call, time, call.address(3));
  return sleep_until(*wall_clock(ClockId{id}), time);
}

namespace {

/// struct itimerval.
struct IntervalWire {
  TimeValue interval, value;
};

/// Of one that runs, at least the microsecond that is the least which can be told.
IntervalWire told(const IntervalSetting& setting) {
  IntervalWire wire{.interval = value_of(nanoseconds_of(setting.interval)),
                    .value = value_of(nanoseconds_of(setting.left))};
  if (setting.left != 0 && wire.value.seconds == 0 && wire.value.microseconds == 0)
    wire.value.microseconds = 1;
  return wire;
}

/// A null pointer counts as a timer that is stopped.
Result<IntervalSetting> read_setting(UserAddr from) {
  if (from == UserAddr(0)) return IntervalSetting{};
  const IntervalWire wire = TRY(read_user<IntervalWire>(from));
  const u64 left = TRY(join(wire.value)), interval = TRY(join(wire.interval));
  return IntervalSetting{.left = ticks_of(left), .interval = ticks_of(interval)};
}

}  // namespace

SyscallResult sys_getitimer(const Syscall& call) {
  const u64 kind = static_cast<u32>(call.x[0]);
  if (kind >= IntervalTimers::kKinds) return Errno::einval;
  const auto setting = call.caller.interval_timers.get(static_cast<IntervalKind>(kind));
  return write_user(call.address(1), told(setting));
}

SyscallResult sys_setitimer(const Syscall& call) {
  const u64 kind = static_cast<u32>(call.x[0]);
  const IntervalSetting wanted = TRY(read_setting(call.address(1)));
  if (kind >= IntervalTimers::kKinds) return Errno::einval;
  const auto old = call.caller.interval_timers.set(static_cast<IntervalKind>(kind), wanted);
  if (call.x[2] != 0) TRY(write_user(call.address(2), told(old)));
  return u64{0};
}

namespace {

/// clock_t: 1/100 s.
u64 clock_ticks(u64 nanoseconds) { return nanoseconds / (kNanosecondsPerSecond / 100); }

Usage usage_of_children(Process& process) {
  return processes().with([&](ProcessTable&) { return process.family.children_usage; });
}

/// struct rusage. What has no counterpart here is 0, as much of it is on Linux.
struct UsageWire {
  TimeValue user_time, system_time;
  u64 peak_resident_kib;
  u64 text, data, stack;
  u64 minor_faults, major_faults, swaps;
  u64 blocks_in, blocks_out, messages_sent, messages_received, signals;
  u64 waits, preemptions;
};
static_assert(sizeof(UsageWire) == 144);

}  // namespace

Result<void> write_usage(UserAddr to, const Usage& usage) {
  UsageWire wire{};
  wire.user_time = value_of(nanoseconds_of(usage.run_time));
  wire.peak_resident_kib = usage.peak_resident * (kPageSize / 1024);
  wire.minor_faults = usage.minor_faults;
  wire.major_faults = usage.major_faults;
  wire.waits = usage.waits;
  wire.preemptions = usage.preemptions;
  return write_user(to, wire);
}

SyscallResult sys_getrusage(const Syscall& call) {
  constexpr i32 kSelf = 0, kChildren = -1, kThread = 1;
  const i32 who = call.integer(0);
  if (who != kSelf && who != kChildren && who != kThread) return Errno::einval;
  const Usage usage = who == kChildren ? usage_of_children(call.caller) : usage_of(call.caller);
  return write_usage(call.address(1), usage);
}

/// Its result is the time since the machine started.
SyscallResult sys_times(const Syscall& call) {
  struct Times {
    u64 user = 0, system = 0, children_user = 0, children_system = 0;
  };
  if (call.x[0] != 0) {
    const u64 own = run_time_of(call.caller);
    const u64 childrens = usage_of_children(call.caller).run_time;
    Times times;
    times.user = clock_ticks(nanoseconds_of(own));
    times.children_user = clock_ticks(nanoseconds_of(childrens));
    TRY(write_user(call.address(0), times));
  }
  return clock_ticks(time_since_start());
}

}  // namespace meridian
