// SPDX-License-Identifier: MIT
/// Interrupts by number: who handles which. Numbers are the GIC's INTIDs (SPIs from 32 on).
#pragma once

#include "arch/aarch64/hw/sysreg.h"
#include "kernel/lib/result.h"
#include "kernel/lib/types.h"

namespace meridian::arch {

/// For this CPU, until the other is called; an IrqGuard (<arch/irq.h>) is for code that must be
/// alone.
inline void mask_interrupts() { hw::mask_irqs(); }
inline void unmask_interrupts() { hw::unmask_irqs(); }
/// Everything that can be masked: what a way back to EL0 begins with.
inline void mask_exceptions() { hw::mask_all(); }

/// System errors (SError: a write that failed somewhere on its way) are reported from now on.
inline void unmask_system_errors() { hw::write_daif(hw::read_daif() & ~hw::kDaifSError); }

/// Runs with interrupts masked, on the CPU that took the interrupt.
using IrqHandler = void (*)();

/// From now on `handler` runs for each interrupt `intid`, which is unmasked; one of each CPU's own
/// (PPI, SGI) also on the CPUs that start later. Errc::unsupported for
/// a number that the controller does not have, or without a controller; Errc::already_mapped if it
/// has a handler.
Result<void> register_irq(u32 intid, IrqHandler handler);

/// Takes and handles every pending interrupt. The exception vectors call it.
void handle_irqs();

/// How many interrupts this CPU has handled, and how many had no handler.
struct IrqCounts {
  u64 handled = 0, spurious = 0;
};
IrqCounts irq_counts();
/// Another CPU's, as seen in passing.
IrqCounts irq_counts(unsigned cpu);

/// A CPU that starts later calls this once, with interrupts masked. Errc::not_found, timed_out: its
/// part of the controller is not there, or does not answer.
Result<void> start_own_interrupts();

/// Interrupts from CPU to CPU (the GIC's SGIs, 0 to 15), by what they mean.
inline constexpr u32 kRescheduleIpi = 0;
inline constexpr u32 kStopIpi = 1;
/// To a CPU that takes interrupts. What was written before is there to see when it comes.
void send_ipi(u32 sgi, unsigned cpu);
/// To all of them but this one; nothing without a controller.
void send_ipi_to_others(u32 sgi);

}  // namespace meridian::arch
