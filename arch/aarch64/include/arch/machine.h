// SPDX-License-Identifier: MIT
/// The machine around the CPU: its clock, its devices and how to leave it. Where the devices are comes
/// from the device tree.
#pragma once

#include "arch/aarch64/hw/sysreg.h"
#include "arch/aarch64/hw/barrier.h"
#include "kernel/lib/result.h"
#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian {
class ConsoleDevice;
class Fdt;
}  // namespace meridian

namespace meridian::arch {

/// Ends the machine: `status` goes to whoever started it, where the machine has a way to tell (a plain
/// power-off counts as success). Works at any time after the kernel runs high.
[[noreturn]] void power_off(int status);

/// The generic timer's counter (virtual time), and its steps a second. The barrier keeps the read from
/// being done early, before the work that it times.
inline u64 counter() {
  hw::isb();
  return hw::read_cntvct_el0();
}
inline u64 counter_frequency() { return hw::read_cntfrq_el0(); }

/// The UART at `registers` as a console device: polled, no interrupts.
ConsoleDevice& start_uart(VirtAddr registers);

/// How to power off and the like, from the tree's PSCI node. Without one only semihosting ends a run.
void start_firmware(const Fdt& tree);

/// The interrupt controller of the tree, its registers mapped with ioremap: this CPU takes interrupts
/// from now on. Errc::not_found if the tree has none that this kernel drives.
Result<void> start_interrupts(const Fdt& tree);

/// The console's receive interrupt, from the tree's node of the UART at `registers`.
Result<void> start_uart_interrupt(const Fdt& tree, PhysAddr registers);

/// "GICv3" and the like; "none" before start_interrupts().
const char* interrupt_controller_name();

/// "Cortex-A53" and the like: this CPU's model, or "unknown CPU".
const char* cpu_name();

}  // namespace meridian::arch
