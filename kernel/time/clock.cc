// SPDX-License-Identifier: MIT
#include "kernel/time/clock.h"

#include <arch/clock.h>

#include <atomic>

#include "kernel/sync/wait_queue.h"

namespace meridian {
namespace {

/// What real time was when the machine started. (It may wrap: only sums are times.)
constinit std::atomic<u64> real_start{0};

/// How often the clock was set, and who wants to know.
constinit Locked<u64> times_set{0u};
constinit WaitQueue clock_set;

}  // namespace

u64 time_since_start() { return nanoseconds_of(arch::counter(), arch::counter_frequency()); }

u64 real_time() { return real_start.load(std::memory_order_relaxed) + time_since_start(); }

void set_real_time(u64 now) {
  times_set.with([now](u64& count) {
    real_start.store(now - time_since_start(), std::memory_order_relaxed);
    ++count;
  });
  clock_set.wake_all();
}

u64 counter_after(u64 nanoseconds) {
  return later(arch::counter(), ticks_of(nanoseconds, arch::counter_frequency()));
}

Result<void> sleep_until(Clock clock, u64 moment) {
  for (;;) {
    const u64 seen = times_set.with([](u64& count) { return count; });
    const u64 now = time_of(clock);
    if (now >= moment) return {};
    const auto was_set = [seen](u64& count) { return count != seen; };
    const Result<void> waited = clock_set.wait(
        times_set, was_set, {.interruptible = true, .deadline = counter_after(moment - now)});
    if (!waited.has_value() && waited.error().code == Errc::interrupted) return waited;
  }
}

}  // namespace meridian
