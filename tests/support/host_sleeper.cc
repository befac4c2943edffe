// SPDX-License-Identifier: MIT
#include "host_sleeper.h"

#include <arch/clock.h>
#include <arch/irq.h>

#include "kernel/lib/check.h"

namespace meridian {

WakeReason HostSleeper::sleep(const WaitOptions& options) {
  CHECK(!arch::irqs_masked());
  std::unique_lock lock(mutex_);
  ++sleeps_;
  const auto ends = [&] { return permit_ || (options.interruptible && interrupted_); };
  if (options.deadline) {
    const u64 now = arch::counter();
    const u64 left = *options.deadline > now ? *options.deadline - now : 0;
    changed_.wait_for(lock, std::chrono::nanoseconds(left), ends);
  } else {
    changed_.wait(lock, ends);
  }
  if (permit_) {
    permit_ = false;
    return WakeReason::woken;
  }
  return ends() ? WakeReason::interrupted : WakeReason::timed_out;
}

void HostSleeper::wake() {
  const std::lock_guard lock(mutex_);
  permit_ = true;
  changed_.notify_one();
}

void HostSleeper::interrupt() {
  const std::lock_guard lock(mutex_);
  interrupted_ = true;
  changed_.notify_one();
}

void HostSleeper::forget_interrupt() {
  const std::lock_guard lock(mutex_);
  interrupted_ = false;
}

unsigned HostSleeper::sleeps() {
  const std::lock_guard lock(mutex_);
  return sleeps_;
}

HostSleeper& this_host_sleeper() {
  thread_local HostSleeper mine;
  return mine;
}

Sleeper& current_sleeper() { return this_host_sleeper(); }

}  // namespace meridian
