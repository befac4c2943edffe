// SPDX-License-Identifier: MIT
/// Sleeper: a thread as the waiting primitives see it. Whoever schedules threads implements it: the
/// kernel's scheduler, or, for host tests, a condition variable a thread.
///
/// sleep() and wake() work by a permit, of which a sleeper has at most one: a wake() that comes
/// before the sleep() is not lost, and a sleep() may return for a wake() that was meant for an
/// earlier one. So a sleeper looks again at what it waits for each time it returns.
#pragma once

#include <optional>

#include "kernel/lib/types.h"

namespace meridian {

struct WaitOptions {
  bool interruptible = false;     // interrupt() ends the sleep
  std::optional<u64> deadline{};  // in ticks of arch::counter()
};

enum class WakeReason : u8 { woken, interrupted, timed_out };

class Sleeper {
 public:
  /// Called by the thread itself, holding no spinlock. Takes the permit and returns `woken` as soon
  /// as there is one, whatever else has happened meanwhile.
  virtual WakeReason sleep(const WaitOptions& options) = 0;
  /// Gives the permit. Any context, spinlocks held or not.
  virtual void wake() = 0;

 protected:
  ~Sleeper() = default;
};

/// The thread that calls it.
Sleeper& current_sleeper();

}  // namespace meridian
