// SPDX-License-Identifier: MIT
/// The machine's other CPUs: starting them, and stopping them all.
#pragma once

#include <arch/cpu.h>

#include "kernel/lib/result.h"
#include "mm/range.h"

namespace meridian::arch {

/// This CPU's place among all, as the device tree names CPUs (MPIDR_EL1's affinity fields).
u64 cpu_affinity();

/// Asks the firmware to start a CPU. It comes up as `thread`, whose `cpu` is its index, on `stack`,
/// and enters secondary_main() (kernel/entry.h); both must stay, for it may take its time.
/// `overflow_stack` is for the report of an overflow. Errc::unsupported without firmware;
/// Errc::failed with the firmware's answer.
Result<void> start_cpu(u64 affinity, ThreadContext& thread, VirtRange stack,
                       VirtRange overflow_stack);

/// The other CPUs do nothing any more, once they take interrupts.
void stop_other_cpus();
/// Makes that possible: they are told by an interrupt. Errors as register_irq().
Result<void> prepare_stop();
/// And so does this one, for ever.
[[noreturn]] void stop_this_cpu();

}  // namespace meridian::arch
