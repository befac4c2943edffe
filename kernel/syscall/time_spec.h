// SPDX-License-Identifier: MIT
/// Times as programs write them down, and as the kernel has them: in nanoseconds.
#pragma once

#include "kernel/time/conversion.h"
#include "mm/user/user_copy.h"

namespace meridian {

/// struct timespec.
struct TimeSpec {
  i64 seconds, nanoseconds;
};

/// Moments beyond this are all the same: hundreds of years from now.
inline constexpr u64 kLastMoment = ~u64{0} >> 1;

constexpr TimeSpec spec_of(u64 nanoseconds) {
  return {static_cast<i64>(nanoseconds / kNanosecondsPerSecond),
          static_cast<i64>(nanoseconds % kNanosecondsPerSecond)};
}

/// `part` of `whole` a second. Errc::invalid_argument.
constexpr Result<u64> join(i64 seconds, i64 part, u64 whole) {
  if (seconds < 0 || part < 0 || static_cast<u64>(part) >= whole)
    return Error{Errc::invalid_argument};
  const u64 rest = static_cast<u64>(part) * (kNanosecondsPerSecond / whole);
  if (static_cast<u64>(seconds) > kLastMoment / kNanosecondsPerSecond - 1) return kLastMoment;
  return static_cast<u64>(seconds) * kNanosecondsPerSecond + rest;
}
/// Errc::fault, invalid_argument.
inline Result<u64> read_spec(UserAddr from) {
  const TimeSpec spec = TRY(read_user<TimeSpec>(from));
  return join(spec.seconds, spec.nanoseconds, kNanosecondsPerSecond);
}

}  // namespace meridian
