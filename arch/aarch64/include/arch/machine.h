// SPDX-License-Identifier: MIT
/// The machine around the CPU: its clock (<arch/clock.h>), its devices and how to leave it. Where
/// the devices are comes from the device tree.
#pragma once

#include <arch/clock.h>

#include "kernel/lib/result.h"
#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian {
class ConsoleDevice;
struct MachineDescription;
}  // namespace meridian

namespace meridian::arch {

/// Ends the machine: `status` goes to whoever started it, where the machine has a way to tell (a
/// plain power-off counts as success). Works at any time after the kernel runs high.
[[noreturn]] void power_off(int status);

/// False while boot runs at physical addresses, with the MMU off: then early_stop() is all that
/// works.
bool runs_high();
/// One line on the UART and the end, at any time before the console stands. `about` is printed
/// after the message unless it is 0.
[[noreturn]] void early_stop(const char* message, u64 about = 0);

/// The UART at `registers` as a console device: polled, no interrupts.
ConsoleDevice& start_uart(VirtAddr registers);

/// Seconds since 1970, as the real-time clock says whose registers these are.
u64 read_real_time_clock(VirtAddr registers);

/// Learns how to power off and the like from the machine's PSCI. Without it only semihosting ends a
/// run.
void start_firmware(const MachineDescription& machine);

/// Starts the interrupt controller and this CPU's part of it, with registers mapped by ioremap;
/// every source stays masked until someone registers a handler (<arch/irq.h>). Errc::not_found if
/// the machine has none that this kernel drives.
Result<void> start_interrupts(const MachineDescription& machine);

/// "GICv3" and the like; "none" before start_interrupts().
const char* interrupt_controller_name();

/// This CPU's model in the numbers of MIDR_EL1, as /proc/cpuinfo prints them.
struct CpuId {
  u32 implementer, variant, part, revision;
};
CpuId cpu_id();

/// "Cortex-A53" and the like: this CPU's model, or "unknown CPU".
const char* cpu_name();

}  // namespace meridian::arch
