// SPDX-License-Identifier: MIT
/// One interrupt at a time in the future: the generic timer's virtual timer, of which each CPU has
/// its own.
#pragma once

#include <arch/interrupts.h>

#include "arch/aarch64/hw/sysreg.h"
#include "kernel/lib/bits.h"

namespace meridian::arch {

/// Interrupts this CPU once, when the counter is `deadline` or has passed it; instead of what was
/// set before.
inline void set_timer(u64 deadline) {
  hw::write_cntv_cval_el0(deadline);
  hw::write_cntv_ctl_el0(Bit<0>::kSet);  // ENABLE, and not IMASK
}
inline void stop_timer() { hw::write_cntv_ctl_el0(0); }

/// The timer may be set from now on. `intid` is its interrupt's number in the device tree. What
/// there is to do then after_interrupt() (kernel/entry.h) does. Errors as register_irq().
inline Result<void> start_timer(u32 intid) {
  if (intid == 0) return Error{Errc::not_found};  // no number for it in the device tree
  return register_irq(intid, stop_timer);         // until then it would interrupt again and again
}

}  // namespace meridian::arch
