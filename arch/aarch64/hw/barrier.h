// SPDX-License-Identifier: MIT
/// Barriers by name. DMB orders memory accesses; DSB also waits until they, and cache and TLB
/// maintenance, are complete; ISB makes everything before it count for the instructions after it.
/// Suffixes: ISH the inner shareable domain (all CPUs), NSH this CPU, OSH devices too, SY
/// everything; ST orders stores only, LD loads against everything.
#pragma once

namespace meridian::hw {

// The "memory" clobbers keep the compiler from moving accesses across.
inline void isb() { asm volatile("isb" : : : "memory"); }

inline void dsb_sy() { asm volatile("dsb sy" : : : "memory"); }
inline void dsb_ish() { asm volatile("dsb ish" : : : "memory"); }
inline void dsb_ishst() { asm volatile("dsb ishst" : : : "memory"); }
inline void dsb_nsh() { asm volatile("dsb nsh" : : : "memory"); }
inline void dsb_nshst() { asm volatile("dsb nshst" : : : "memory"); }

inline void dmb_sy() { asm volatile("dmb sy" : : : "memory"); }
inline void dmb_ish() { asm volatile("dmb ish" : : : "memory"); }
inline void dmb_ishst() { asm volatile("dmb ishst" : : : "memory"); }
inline void dmb_ishld() { asm volatile("dmb ishld" : : : "memory"); }
inline void dmb_oshst() { asm volatile("dmb oshst" : : : "memory"); }
inline void dmb_oshld() { asm volatile("dmb oshld" : : : "memory"); }

}  // namespace meridian::hw
