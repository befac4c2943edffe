// SPDX-License-Identifier: MIT
/// The first code at the high address, on every CPU: every register that decides how memory is seen
/// is read back, the rest of EL1's registers get known values, and the kernel proper begins.
#include <arch/context.h>
#include <arch/interrupts.h>
#include <arch/machine.h>
#include <arch/trap.h>

#include "arch/aarch64/boot/boot.h"
#include "arch/aarch64/boot/secondary.h"
#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "arch/aarch64/regs/id_mmfr.h"
#include "kernel/lib/check.h"

namespace meridian::arch {
namespace {

/// CNTKCTL_EL1: EL0 may read the virtual counter (C libraries do), and has no timer.
constexpr u64 kCntkctl = Bit<1>::kSet;
/// CPACR_EL1: FP and SIMD trap at both levels; nothing in the kernel uses them.
constexpr u64 kCpacr = 0;

void write_other_registers() {
  hw::write_cpacr_el1(kCpacr);
  hw::write_cntkctl_el1(kCntkctl);
  hw::write_contextidr_el1(0);
  hw::write_mdscr_el1(0);
  hw::write_tpidr_el0(0);
  hw::write_tpidrro_el0(0);
  hw::isb();
  // From then on exceptions set it too (SCTLR_EL1.SPAN is 0).
  if (IdAa64Mmfr1(hw::read_id_aa64mmfr1_el1()).has_pan()) hw::set_pan();
}

/// What was written must be what counts: a field that this CPU does not have would read back as 0.
void check_registers() {
  CHECK(hw::read_mair_el1() == mmu_setup.mair);
  CHECK(hw::read_tcr_el1() == mmu_setup.tcr);
  CHECK(hw::read_ttbr0_el1() == mmu_setup.empty_root);
  CHECK(hw::read_ttbr1_el1() == mmu_setup.ttbr1);
  CHECK(hw::read_sctlr_el1() == mmu_setup.sctlr);
  CHECK(hw::read_cpacr_el1() == kCpacr);
  CHECK(hw::read_cntkctl_el1() == kCntkctl);
}

}  // namespace

constinit ThreadContext boot_context;

void start_high() {
  write_other_registers();
  check_registers();
  kernel_main(boot_info);
}

void start_secondary_high() {
  write_other_registers();
  check_registers();
  install_vectors();
  unmask_system_errors();
  secondary_main();
}

}  // namespace meridian::arch
