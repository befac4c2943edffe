// SPDX-License-Identifier: MIT
/// The TLBs of all CPUs, as the paging engine sees them: one KernelTlb for the high half, a UserTlb
/// for each user address space. Between publish() and finish() come any number of invalidations;
/// how many are worth it against invalidate_all() is the caller's decision (mm/paging/gather.h).
///
/// The order they make, for every CPU: the table writes, then the invalidations, then whatever
/// comes after finish() (the frame is reused, the new entry is written). Without publish() a walker
/// could read the old entry again after the TLBI; without finish() another CPU could still be using
/// it.
#pragma once

#include <arch/cpu.h>

#include <array>
#include <atomic>

#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/tlbi.h"
#include "kernel/lib/seeded_bugs.h"
#include "mm/paging/format.h"

namespace meridian::arch {

/// TLBI instructions issued by each CPU since boot. A line each, so that counting is never shared.
struct alignas(64) TlbiCounter {
  std::atomic<u64> issued{0};
};
inline constinit std::array<TlbiCounter, kMaxCpus> tlbi_counters{};

/// By one CPU, and by all.
inline u64 tlbi_count(unsigned cpu) {
  return tlbi_counters[cpu].issued.load(std::memory_order_relaxed);
}
inline u64 tlbi_count() {
  u64 sum = 0;
  for (const TlbiCounter& counter : tlbi_counters)
    sum += counter.issued.load(std::memory_order_relaxed);
  return sum;
}
/// Atomic, so that a thread which moves to another CPU in between loses no count.
inline void count_tlbis(u64 issued) {
  tlbi_counters[cpu_index()].issued.fetch_add(issued, std::memory_order_relaxed);
}

/// What both TLBs share.
class TlbOrder {
 public:
  /// DSB ISHST: the writes are visible to the walkers of all CPUs. ISB: this CPU's next access
  /// through a new mapping cannot have been translated before; the kernel does not retry a fault,
  /// so it must not meet a stale one. (Another CPU learns of the mapping from memory, and orders
  /// itself by that.)
  void publish() const {
    hw::dsb_ishst();
    if (!seeded(Bug::publish_without_isb)) hw::isb();
  }
  /// DSB ISH: the invalidations are complete on all CPUs, and so are accesses made through the old
  /// entries. ISB: this CPU drops what it fetched ahead with them.
  void finish() const {
    if (seeded(Bug::tlbi_completed_here_only))
      hw::dsb_nsh();
    else
      hw::dsb_ish();
    hw::isb();
  }
};

/// Kernel mappings are global, so entries go whatever ASID is current.
class KernelTlb : public TlbOrder {
 public:
  void invalidate(VirtAddr va, u64 size, u64 stride, TlbScope scope) const {
    if (seeded(Bug::kernel_tlbi_on_this_cpu_only)) return hw::tlbi_vmalle1();
    u64 issued = 0;
    for (u64 offset = 0; offset < size; offset += stride, ++issued) {
      if (scope == TlbScope::leaf_only)
        hw::tlbi_vaale1is(va + offset);
      else
        hw::tlbi_vaae1is(va + offset);
    }
    count_tlbis(issued);
  }
  void invalidate_all() const {
    hw::tlbi_vmalle1is();
    count_tlbis(1);
  }
};

/// One user address space: entries tagged with its ASID.
struct UserTlb : public TlbOrder {
  constexpr explicit UserTlb(u16 its_asid) : asid(its_asid) {}

  void invalidate(VirtAddr va, u64 size, u64 stride, TlbScope scope) const {
    if (seeded(Bug::user_tlbi_on_this_cpu_only)) return hw::tlbi_vmalle1();
    u64 issued = 0;
    for (u64 offset = 0; offset < size; offset += stride, ++issued) {
      if (scope == TlbScope::leaf_only)
        hw::tlbi_vale1is(va + offset, asid);
      else
        hw::tlbi_vae1is(va + offset, asid);
    }
    count_tlbis(issued);
  }
  void invalidate_all() const {
    if (seeded(Bug::asid_flushed_on_this_cpu_only)) return hw::tlbi_vmalle1();
    hw::tlbi_aside1is(asid);
    count_tlbis(1);
  }

  u16 asid;
};

static_assert(Tlb<KernelTlb> && Tlb<UserTlb>);

/// Forgets everything on this CPU: before it uses an ASID that was another space's. The first DSB
/// is one for loads, too: what this CPU was told of before is flushed (litmus/flush-own).
inline void flush_own_tlb() {
  hw::dsb_ish();
  hw::tlbi_vmalle1();
  count_tlbis(1);
  hw::dsb_ish();
  hw::isb();
}

/// Forgets everything on every CPU: when ASIDs are used anew, or the identity map goes.
inline void flush_all_tlbs() {
  KernelTlb tlb;
  tlb.publish();
  tlb.invalidate_all();
  tlb.finish();
}

}  // namespace meridian::arch
