// SPDX-License-Identifier: MIT
/// The registers that govern translation, read from this CPU as typed words: what the shell, the tour
/// and the fault report show.
#pragma once

#include <arch/tlb.h>

#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "arch/aarch64/regs/id_mmfr.h"
#include "arch/aarch64/regs/mair.h"
#include "arch/aarch64/regs/sctlr.h"
#include "arch/aarch64/regs/tcr.h"
#include "arch/aarch64/regs/ttbr.h"
#include "kernel/lib/format.h"

namespace meridian::arch {

inline Tcr tcr() { return Tcr(hw::read_tcr_el1()); }
inline Mair mair() { return Mair(hw::read_mair_el1()); }
inline Sctlr sctlr() { return Sctlr(hw::read_sctlr_el1()); }
inline Ttbr ttbr0() { return Ttbr(hw::read_ttbr0_el1()); }
inline Ttbr ttbr1() { return Ttbr(hw::read_ttbr1_el1()); }

/// Prints every field of every register above, and of those that say what this CPU's memory system can
/// do (ID_AA64MMFR0 to 2, CTR_EL0, DCZID_EL0), each with its meaning.
void describe_registers(Writer& out);

/// What `granule` offers on this CPU: page size, levels, address bits.
inline TranslationChoice translation_choice(Granule granule) {
  return translation_choice(granule, IdAa64Mmfr0(hw::read_id_aa64mmfr0_el1()),
                            IdAa64Mmfr2(hw::read_id_aa64mmfr2_el1()));
}

/// Makes this CPU ignore, or check, the top byte of addresses in both halves. Interrupts are masked by
/// the caller. TBI may be held in a TLB with each entry (Arm ARM D8.16, "Translation Lookaside
/// Buffers"), so all of them go.
inline void set_top_byte(TopByte top_byte) {
  const bool ignored = top_byte == TopByte::ignored;
  hw::write_tcr_el1(Tcr::TBI1::replace(Tcr::TBI0::replace(tcr().raw(), ignored), ignored));
  hw::isb();  // the new value governs the walks after it
  flush_all_tlbs();
}

}  // namespace meridian::arch
