// SPDX-License-Identifier: MIT
/// The TLBI instructions of the EL1&0 regime. No other file issues one, and only <arch/tlb.h> (and
/// boot, before there is C++) calls these, so that each stands between the barriers it needs: DSB
/// ISHST before (the table write is seen before the TLB may be refilled), DSB ISH and ISB after
/// (the invalidation is complete, and this CPU forgets what it had fetched ahead). -is is for all
/// CPUs of the inner shareable domain, the others for this CPU alone.
#pragma once

#include "arch/aarch64/vmsa/tlbi_operand.h"

namespace meridian::hw {

/// Everything.
inline void tlbi_vmalle1() { asm volatile("tlbi vmalle1" : : : "memory"); }
inline void tlbi_vmalle1is() { asm volatile("tlbi vmalle1is" : : : "memory"); }

/// Everything tagged with `asid`; global entries stay.
inline void tlbi_aside1is(u16 asid) {
  asm volatile("tlbi aside1is, %0" : : "r"(arch::tlbi_operand(asid)) : "memory");
}

/// One address: its entry tagged with `asid`, or global, and what the walk to it left in the walk
/// caches.
inline void tlbi_vae1is(VirtAddr va, u16 asid) {
  asm volatile("tlbi vae1is, %0" : : "r"(arch::tlbi_operand(va, asid)) : "memory");
}
/// The same, but only the last level's entry: right if no table was unlinked.
inline void tlbi_vale1is(VirtAddr va, u16 asid) {
  asm volatile("tlbi vale1is, %0" : : "r"(arch::tlbi_operand(va, asid)) : "memory");
}

/// One address under every ASID, all levels and last level only.
inline void tlbi_vaae1is(VirtAddr va) {
  asm volatile("tlbi vaae1is, %0" : : "r"(arch::tlbi_operand(va)) : "memory");
}
inline void tlbi_vaale1is(VirtAddr va) {
  asm volatile("tlbi vaale1is, %0" : : "r"(arch::tlbi_operand(va)) : "memory");
}

}  // namespace meridian::hw
