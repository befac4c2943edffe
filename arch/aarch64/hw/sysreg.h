// SPDX-License-Identifier: MIT
/// Named access to the system registers this kernel uses: `hw::read_<register>()` and
/// `hw::write_<register>(value)`, the name spelled as in the manual. A register missing here is one
/// nobody uses; a read-only one has no write. What a value means is arch/aarch64/regs/.
///
/// A write to a register that affects translation or traps takes effect for the code after the next
/// context synchronization event only: the caller puts the isb() (hw/barrier.h) where it matters.
#pragma once

#include "kernel/lib/types.h"

namespace meridian::hw {

// Every access is volatile, so accesses keep their order among each other. A write is also a
// compiler barrier: it may change what the following loads and stores mean.
#define MERIDIAN_SYSREG_READ(name)                  \
  [[gnu::always_inline]] inline u64 read_##name() { \
    u64 value;                                      \
    asm volatile("mrs %0, " #name : "=r"(value));   \
    return value;                                   \
  }
#define MERIDIAN_SYSREG_WRITE(name)                                \
  [[gnu::always_inline]] inline void write_##name(u64 value) {     \
    asm volatile("msr " #name ", %x0" : : "rZ"(value) : "memory"); \
  }
#define MERIDIAN_SYSREG(name) MERIDIAN_SYSREG_READ(name) MERIDIAN_SYSREG_WRITE(name)

// Translation.
MERIDIAN_SYSREG(tcr_el1)
MERIDIAN_SYSREG(mair_el1)
MERIDIAN_SYSREG(ttbr0_el1)
MERIDIAN_SYSREG(ttbr1_el1)
MERIDIAN_SYSREG(contextidr_el1)
MERIDIAN_SYSREG(par_el1)

// Control.
MERIDIAN_SYSREG(sctlr_el1)
MERIDIAN_SYSREG(actlr_el1)
MERIDIAN_SYSREG(cpacr_el1)
MERIDIAN_SYSREG(mdscr_el1)

// Exceptions.
MERIDIAN_SYSREG(vbar_el1)
MERIDIAN_SYSREG(esr_el1)
MERIDIAN_SYSREG(far_el1)
MERIDIAN_SYSREG(elr_el1)
MERIDIAN_SYSREG(spsr_el1)
MERIDIAN_SYSREG(sp_el0)
MERIDIAN_SYSREG(daif)
MERIDIAN_SYSREG(spsel)
MERIDIAN_SYSREG_READ(currentel)
MERIDIAN_SYSREG_READ(isr_el1)

// Software's own.
MERIDIAN_SYSREG(tpidr_el0)
MERIDIAN_SYSREG(tpidrro_el0)
MERIDIAN_SYSREG(tpidr_el1)

// Identification.
MERIDIAN_SYSREG_READ(midr_el1)
MERIDIAN_SYSREG_READ(mpidr_el1)
MERIDIAN_SYSREG_READ(revidr_el1)
MERIDIAN_SYSREG_READ(ctr_el0)
MERIDIAN_SYSREG_READ(dczid_el0)
MERIDIAN_SYSREG_READ(clidr_el1)
MERIDIAN_SYSREG_READ(ccsidr_el1)
MERIDIAN_SYSREG(csselr_el1)
MERIDIAN_SYSREG_READ(id_aa64mmfr0_el1)
MERIDIAN_SYSREG_READ(id_aa64mmfr1_el1)
MERIDIAN_SYSREG_READ(id_aa64mmfr2_el1)
MERIDIAN_SYSREG_READ(id_aa64pfr0_el1)
MERIDIAN_SYSREG_READ(id_aa64pfr1_el1)
MERIDIAN_SYSREG_READ(id_aa64isar0_el1)
MERIDIAN_SYSREG_READ(id_aa64isar1_el1)
MERIDIAN_SYSREG_READ(id_aa64dfr0_el1)
MERIDIAN_SYSREG_READ(id_aa64dfr1_el1)

// The generic timer.
MERIDIAN_SYSREG(cntkctl_el1)
MERIDIAN_SYSREG_READ(cntfrq_el0)
MERIDIAN_SYSREG_READ(cntpct_el0)
MERIDIAN_SYSREG_READ(cntvct_el0)
MERIDIAN_SYSREG(cntv_ctl_el0)
MERIDIAN_SYSREG(cntv_cval_el0)
MERIDIAN_SYSREG(cntv_tval_el0)
MERIDIAN_SYSREG(cntp_ctl_el0)
MERIDIAN_SYSREG(cntp_cval_el0)
MERIDIAN_SYSREG(cntp_tval_el0)

// The performance monitors.
MERIDIAN_SYSREG(pmcr_el0)
MERIDIAN_SYSREG(pmccntr_el0)
MERIDIAN_SYSREG(pmccfiltr_el0)
MERIDIAN_SYSREG(pmcntenset_el0)
MERIDIAN_SYSREG(pmcntenclr_el0)
MERIDIAN_SYSREG(pmintenclr_el1)
MERIDIAN_SYSREG(pmovsclr_el0)
MERIDIAN_SYSREG(pmselr_el0)
MERIDIAN_SYSREG(pmxevtyper_el0)
MERIDIAN_SYSREG(pmxevcntr_el0)
MERIDIAN_SYSREG(pmuserenr_el0)
MERIDIAN_SYSREG_READ(pmceid0_el0)
MERIDIAN_SYSREG_READ(pmceid1_el0)

#undef MERIDIAN_SYSREG
#undef MERIDIAN_SYSREG_WRITE
#undef MERIDIAN_SYSREG_READ

/// PSTATE.D, A, I and F as DAIF shows them: set means masked.
inline constexpr u64 kDaifFiq = u64{1} << 6;
inline constexpr u64 kDaifIrq = u64{1} << 7;
inline constexpr u64 kDaifSError = u64{1} << 8;
inline constexpr u64 kDaifDebug = u64{1} << 9;

// Compiler barriers all: what stood before a mask must not sink into it, nor the reverse. PSTATE
// itself changes at once, in program order, without an ISB.
inline void mask_irqs() { asm volatile("msr daifset, #2" : : : "memory"); }
inline void unmask_irqs() { asm volatile("msr daifclr, #2" : : : "memory"); }
inline void mask_all() { asm volatile("msr daifset, #15" : : : "memory"); }

/// Sets PSTATE.PAN, so that this CPU cannot reach user pages with EL1's own rights. Only for a CPU
/// that has it (ID_AA64MMFR1_EL1.PAN). It is MSR PAN, #1, which an Armv8.0 assembler does not know
/// by name.
inline void set_pan() { asm volatile(".inst 0xd500419f" : : : "memory"); }

inline void wfi() { asm volatile("wfi" : : : "memory"); }
inline void wfe() { asm volatile("wfe" : : : "memory"); }
inline void sev() { asm volatile("sev" : : : "memory"); }
inline void yield() { asm volatile("yield" : : : "memory"); }

/// The stack pointer and the frame pointer (x29) of the function this is inlined into.
[[gnu::always_inline]] inline u64 read_sp() {
  u64 value;
  asm volatile("mov %0, sp" : "=r"(value));
  return value;
}
[[gnu::always_inline]] inline u64 read_fp() {
  u64 value;
  asm volatile("mov %0, x29" : "=r"(value));
  return value;
}

}  // namespace meridian::hw
