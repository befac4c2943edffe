// SPDX-License-Identifier: MIT
/// The PL031 real-time clock (Arm PrimeCell RTC, DDI 0224): it counts seconds, by itself. Its data
/// register is all that we read of it.
#include <arch/machine.h>

#include "arch/aarch64/hw/mmio.h"

namespace meridian::arch {
namespace {

constexpr u64 kData = 0x00;

}  // namespace

u64 read_real_time_clock(VirtAddr registers) { return hw::read32(registers.value() + kData); }

}  // namespace meridian::arch
