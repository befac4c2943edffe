// SPDX-License-Identifier: MIT
#include "kernel/proc/interval_timers.h"

#include <arch/clock.h>

#include <algorithm>

#include "kernel/proc/signals.h"
#include "kernel/proc/usage.h"
#include "kernel/time/conversion.h"

namespace meridian {
namespace {

/// After it expired, or when it may have, a timer is looked at again only after so long, whatever
/// its interval: a signal that waits already would not come again anyway.
u64 shortest_look() { return arch::counter_frequency() / 10'000; }

}  // namespace

IntervalTimers::IntervalTimers(Process& process)
    : timers_{OneTimer{process, IntervalKind::real}, OneTimer{process, IntervalKind::user},
              OneTimer{process, IntervalKind::profile}} {}

u64 IntervalTimers::OneTimer::time(u64 now) const {
  return kind_ == IntervalKind::real ? now : run_time_of(process_);
}

Signal IntervalTimers::OneTimer::signal() const {
  switch (kind_) {
    case IntervalKind::real:
      return kSigalrm;
    case IntervalKind::user:
      return kSigvtalrm;
    case IntervalKind::profile:
      return kSigprof;
  }
  UNREACHABLE();
}

/// One that runs has at least a tick left: 0 would say that it does not.
IntervalSetting IntervalTimers::OneTimer::setting(u64 now) const {
  if (due_ == 0) return {.left = 0, .interval = interval_};
  const u64 reached = time(now);
  return {.left = due_ > reached ? due_ - reached : 1, .interval = interval_};
}

/// Nobody uses CPU time faster than time passes, so the time that is left is a lower bound for both
/// kinds.
void IntervalTimers::OneTimer::start(TimerQueue& queue, IntervalSetting setting, u64 now) {
  interval_ = setting.interval;
  due_ = setting.left == 0 ? 0 : later(time(now), setting.left);
  if (due_ == 0)
    queue.cancel(*this);
  else
    queue.set(*this, later(now, setting.left));
}

std::optional<u64> IntervalTimers::OneTimer::expire(u64 now) {
  const u64 reached = time(now);
  if (reached >= due_) {
    (void)send_signal(process_, {.signal = signal(), .code = kSiKernel});
    if (interval_ == 0) {
      due_ = 0;
      return std::nullopt;
    }
    due_ = later(due_, (reached - due_) / interval_ * interval_ + interval_);
  }
  return later(now, std::max(due_ - reached, shortest_look()));
}

IntervalSetting IntervalTimers::get(IntervalKind kind) {
  return timers().with([&](TimerQueue&) { return timer(kind).setting(arch::counter()); });
}

IntervalSetting IntervalTimers::set(IntervalKind kind, IntervalSetting setting) {
  const IntervalSetting old = timers().with([&](TimerQueue& queue) {
    const u64 now = arch::counter();
    const IntervalSetting before = timer(kind).setting(now);
    timer(kind).start(queue, setting, now);
    return before;
  });
  timers_changed();
  return old;
}

void IntervalTimers::stop() {
  timers().with([&](TimerQueue& queue) {
    for (OneTimer& one : timers_) one.start(queue, {}, 0);
  });
}

}  // namespace meridian
