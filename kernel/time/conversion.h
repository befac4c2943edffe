// SPDX-License-Identifier: MIT
/// Ticks of the machine's counter, and nanoseconds. Every conversion is exact but for its last
/// unit, and ends at kForever instead of wrapping.
#pragma once

#include "kernel/lib/types.h"

namespace meridian {

inline constexpr u64 kNanosecondsPerSecond = 1'000'000'000;
/// The latest moment and the longest time there are.
inline constexpr u64 kForever = ~u64{0};

namespace conversion {

/// value * to / from, rounded down. `from` and `to` are rates below 2^32.
constexpr u64 scale(u64 value, u64 from, u64 to) {
  const u64 whole = value / from, part = value % from;
  u64 scaled = 0, result = 0;
  if (__builtin_mul_overflow(whole, to, &scaled)) return kForever;
  if (__builtin_add_overflow(scaled, part * to / from, &result)) return kForever;
  return result;
}

}  // namespace conversion

/// Rounded down: a moment is not over before it is.
constexpr u64 nanoseconds_of(u64 ticks, u64 frequency) {
  return conversion::scale(ticks, frequency, kNanosecondsPerSecond);
}

/// Rounded up: a sleep is never too short.
constexpr u64 ticks_of(u64 nanoseconds, u64 frequency) {
  const u64 ticks = conversion::scale(nanoseconds, kNanosecondsPerSecond, frequency);
  const bool exact = nanoseconds_of(ticks, frequency) >= nanoseconds;
  return exact || ticks == kForever ? ticks : ticks + 1;
}

/// Not beyond kForever.
constexpr u64 later(u64 moment, u64 by) {
  u64 sum = 0;
  return __builtin_add_overflow(moment, by, &sum) ? kForever : sum;
}

}  // namespace meridian
