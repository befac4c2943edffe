// SPDX-License-Identifier: MIT
/// The machine's clock: the generic timer's counter, which runs at one rate on all CPUs.
#pragma once

#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "kernel/lib/types.h"

namespace meridian::arch {

/// Virtual time, in steps of 1 / counter_frequency() seconds. The barrier keeps the read from being
/// done early, before the work that it times.
inline u64 counter() {
  hw::isb();
  return hw::read_cntvct_el0();
}
inline u64 counter_frequency() { return hw::read_cntfrq_el0(); }

}  // namespace meridian::arch
