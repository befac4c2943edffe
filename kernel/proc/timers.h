// SPDX-License-Identifier: MIT
/// Timers: things that the kernel does at a moment, however busy everybody is. One thread,
/// "timers", waits for the first of them, and does what is due.
#pragma once

#include <optional>

#include "kernel/lib/list.h"
#include "kernel/lib/result.h"
#include "kernel/sync/spinlock.h"

namespace meridian {

class Timer {
 public:
  /// The counter has reached the deadline; `now` is where it is. With the lock of timers() held, so
  /// not for long. Returns when it is to be called again.
  virtual std::optional<u64> expire(u64 now) = 0;

 protected:
  ~Timer() = default;

 private:
  friend class TimerQueue;
  ListHook<Timer> hook_;
  u64 deadline_ = 0;  // of arch::counter()
};

class TimerQueue {
 public:
  /// Instead of the deadline that it had.
  void set(Timer& timer, u64 deadline);
  /// It may go: expire() does not run, and will not. Nothing if it is not set.
  void cancel(Timer& timer);

  /// Of arch::counter(); nothing without timers.
  std::optional<u64> first_deadline() const;
  void expire_until(u64 now);

 private:
  List<Timer, &Timer::hook_> timers_;  // earliest first
};

/// What a Timer owns and expire() uses may be guarded by this lock, too. It comes before the lock
/// of processes(). Whoever has set a timer calls timers_changed() once it is free.
Locked<TimerQueue>& timers();
void timers_changed();

/// Timers expire from now on. Errc::out_of_frames.
Result<void> start_timers();

}  // namespace meridian
