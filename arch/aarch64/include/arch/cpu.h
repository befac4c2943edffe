// SPDX-License-Identifier: MIT
/// Which CPU this is, and what a CPU can do while it waits.
#pragma once

#include <arch/context.h>

#include "arch/aarch64/hw/sysreg.h"
#include "kernel/lib/types.h"

namespace meridian::arch {

/// More CPUs than this are not started.
inline constexpr unsigned kMaxCpus = 8;

/// This CPU's index, 0 for the one that booted. The caller must not migrate (interrupts masked, or one
/// CPU's own code).
inline usize cpu_index() { return current_context().cpu; }

/// A hint inside a spin loop.
inline void relax() { hw::yield(); }

/// Sleeps until an interrupt is pending, masked or not.
inline void wait_for_interrupt() { hw::wfi(); }

}  // namespace meridian::arch
