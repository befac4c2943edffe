// SPDX-License-Identifier: MIT
/// <arch/clock.h> on the host: nanoseconds of the steady clock.
#pragma once

#include <chrono>

#include "kernel/lib/types.h"

namespace meridian::arch {

inline u64 counter() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<u64>(std::chrono::nanoseconds(now).count());
}
inline u64 counter_frequency() { return 1'000'000'000; }

}  // namespace meridian::arch
