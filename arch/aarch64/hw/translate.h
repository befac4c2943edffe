// SPDX-License-Identifier: MIT
/// AT: asking the MMU itself for a translation, without making the access.
#pragma once

#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "arch/aarch64/regs/par.h"
#include "mm/address.h"

namespace meridian::hw {

/// Which access is asked about.
enum class At : u8 { el1_read, el1_write, el0_read, el0_write };

/// What the current tables say of `va`. Interrupts are masked in between: a handler may use AT too,
/// and PAR_EL1 is one for all.
inline arch::Par translate(VirtAddr va, At access) {
  const u64 saved = read_daif();
  mask_irqs();
  switch (access) {
    case At::el1_read:
      asm volatile("at s1e1r, %0" : : "r"(va.value()) : "memory");
      break;
    case At::el1_write:
      asm volatile("at s1e1w, %0" : : "r"(va.value()) : "memory");
      break;
    case At::el0_read:
      asm volatile("at s1e0r, %0" : : "r"(va.value()) : "memory");
      break;
    case At::el0_write:
      asm volatile("at s1e0w, %0" : : "r"(va.value()) : "memory");
      break;
  }
  isb();  // the AT's result is in PAR_EL1 only for instructions after this
  const arch::Par par(read_par_el1());
  write_daif(saved);
  return par;
}

}  // namespace meridian::hw
