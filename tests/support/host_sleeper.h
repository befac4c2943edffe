// SPDX-License-Identifier: MIT
/// Sleeper on the host: one for each thread, a condition variable inside.
#pragma once

#include <condition_variable>
#include <mutex>

#include "kernel/sync/sleeper.h"

namespace meridian {

class HostSleeper final : public Sleeper {
 public:
  WakeReason sleep(const WaitOptions& options) override;
  void wake() override;

  /// As a signal would: ends interruptible sleeps, the present one and those to come, until
  /// forget_interrupt().
  void interrupt();
  void forget_interrupt();

  /// Calls of sleep() that have begun: how a test knows that a thread waits.
  unsigned sleeps();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool permit_ = false, interrupted_ = false;
  unsigned sleeps_ = 0;
};

/// The calling thread's.
HostSleeper& this_host_sleeper();

}  // namespace meridian
