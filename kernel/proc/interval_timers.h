// SPDX-License-Identifier: MIT
/// A process's interval timers (setitimer(2)): one of real time, two of CPU time, each with a
/// signal of its own. CPU time is not told apart here into the program's and the kernel's, so both
/// of these count all of it.
#pragma once

#include <array>

#include "kernel/proc/signal.h"
#include "kernel/proc/timers.h"

namespace meridian {

class Process;

/// By Linux's numbers (ITIMER_REAL and so on).
enum class IntervalKind : u32 { real = 0, user = 1, profile = 2 };

/// Ticks of arch::counter(), or of CPU time at its rate. `left` 0: it does not run.
struct IntervalSetting {
  u64 left = 0;
  u64 interval = 0;  // 0: it runs once
};

class IntervalTimers {
 public:
  static constexpr u32 kKinds = 3;

  explicit IntervalTimers(Process& process);

  IntervalSetting get(IntervalKind kind);
  /// Returns what it was.
  IntervalSetting set(IntervalKind kind, IntervalSetting setting);
  /// No signal comes from them any more.
  void stop();

 private:
  /// For whoever holds the lock of timers().
  class OneTimer final : public Timer {
   public:
    OneTimer(Process& process, IntervalKind kind) : process_(process), kind_(kind) {}

    IntervalSetting setting(u64 now) const;
    void start(TimerQueue& queue, IntervalSetting setting, u64 now);
    std::optional<u64> expire(u64 now) override;

   private:
    u64 time(u64 now) const;
    Signal signal() const;

    Process& process_;
    IntervalKind kind_;
    u64 due_ = 0;  // by its own time; 0: it does not run
    u64 interval_ = 0;
  };

  OneTimer& timer(IntervalKind kind) { return timers_[static_cast<u32>(kind)]; }

  std::array<OneTimer, kKinds> timers_;
};

}  // namespace meridian
