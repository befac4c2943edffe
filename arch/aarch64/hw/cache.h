// SPDX-License-Identifier: MIT
/// Cache maintenance by virtual address, a line at a time. The ranges include their barriers. (QEMU
/// has no caches: a missing call here is not seen there, and is wrong on hardware all the same.)
#pragma once

#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "arch/aarch64/regs/ctr.h"
#include "mm/range.h"

namespace meridian::hw {

// PoC: where all observers see the same memory; PoU: where this CPU's fetches and walks see its
// data.
inline void dc_cvac(VirtAddr va) { asm volatile("dc cvac, %0" : : "r"(va.value()) : "memory"); }
inline void dc_cvau(VirtAddr va) { asm volatile("dc cvau, %0" : : "r"(va.value()) : "memory"); }
inline void dc_civac(VirtAddr va) { asm volatile("dc civac, %0" : : "r"(va.value()) : "memory"); }
inline void ic_ivau(VirtAddr va) { asm volatile("ic ivau, %0" : : "r"(va.value()) : "memory"); }
inline void ic_iallu() { asm volatile("ic iallu" : : : "memory"); }
inline void ic_ialluis() { asm volatile("ic ialluis" : : : "memory"); }

/// Calls `operate` with one address in each line of `line` bytes that `range` (not empty) touches.
template <typename Operate>
void for_each_line(VirtRange range, u64 line, Operate operate) {
  const VirtAddr last = range.last().align_down(line);
  VirtAddr va = range.start().align_down(line);
  for (; va != last; va = va + line) operate(va);
  operate(va);
}

/// Memory holds what was written through the cache, and the cache holds none of it: before a
/// device, or a CPU with its caches off, reads or writes it.
inline void clean_and_invalidate(VirtRange range) {
  if (range.is_empty()) return;
  for_each_line(range, arch::Ctr(read_ctr_el0()).dcache_line(), dc_civac);
  dsb_sy();
}

/// What was written to `range` is what every CPU fetches from there, or from another address of the
/// same memory, after its next context synchronization event; this CPU has had one.
inline void sync_instructions(VirtRange range) {
  if (range.is_empty()) return;
  const arch::Ctr ctr(read_ctr_el0());
  if (ctr.needs_clean_for_fetch()) for_each_line(range, ctr.dcache_line(), dc_cvau);
  dsb_ish();  // the data is at the PoU before a fetch can refill the instruction cache from there
  if (ctr.needs_invalidate_for_fetch()) {
    // IC IVAU finds lines of another address only where the cache is indexed by physical address.
    if (ctr.icache_is_physical())
      for_each_line(range, ctr.icache_line(), ic_ivau);
    else
      ic_ialluis();
    dsb_ish();  // the invalidation is complete before the new code may run
  }
  isb();
}

}  // namespace meridian::hw
