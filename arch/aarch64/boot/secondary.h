// SPDX-License-Identifier: MIT
/// What CPU 0 leaves for a CPU that it starts (secondary.S).
#pragma once

#include <arch/cpu.h>

#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian::arch {

/// Read by index when the CPU runs high.
struct SecondaryStart {
  VirtAddr stack_top;
  ThreadContext* context = nullptr;
};

/// A stack at its physical address until then. Only an exception would use it.
inline constexpr usize kSecondaryStackSize = 1024;

extern "C" {
extern SecondaryStart secondary_starts[kMaxCpus] [[gnu::visibility("hidden")]];
extern char secondary_entry[] [[gnu::visibility("hidden")]];
[[noreturn]] void start_secondary_high();
}

}  // namespace meridian::arch
