// SPDX-License-Identifier: MIT
/// <arch/cpu.h> on the host. A test says which CPU it plays.
#pragma once

#include <arch/context.h>

#include <thread>

#include "kernel/lib/types.h"

namespace meridian::arch {

inline constexpr unsigned kMaxCpus = 8;
inline thread_local unsigned fake_cpu = 0;

inline unsigned cpu_index() { return fake_cpu; }
/// Whoever holds the lock may need this processor to let it go.
inline void relax() { std::this_thread::yield(); }
inline void wait_for_interrupt() {}

}  // namespace meridian::arch
