// SPDX-License-Identifier: MIT
/// What time it is, by two clocks, both in nanoseconds: since the machine started, which only ever
/// goes on; and since 1970, which can be set.
#pragma once

#include "kernel/lib/result.h"
#include "kernel/time/conversion.h"

namespace meridian {

enum class Clock : u8 { since_start, real };

u64 time_since_start();
u64 real_time();
inline u64 time_of(Clock clock) { return clock == Clock::real ? real_time() : time_since_start(); }

/// From now on it is `now`; whoever sleeps until some real time looks at the clock again.
void set_real_time(u64 now);

/// Sleeps until `clock` says `moment`. Errc::interrupted.
Result<void> sleep_until(Clock clock, u64 moment);

/// When arch::counter() is `nanoseconds` further, at the latest kForever.
u64 counter_after(u64 nanoseconds);

}  // namespace meridian
