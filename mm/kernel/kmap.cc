// SPDX-License-Identifier: MIT
#include "mm/kernel/kmap.h"

#include <arch/cpu.h>

#include "kernel/sync/spinlock.h"
#include "kernel/sync/wait_queue.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/kernel_space.h"
#include "mm/layout/all.h"

namespace meridian {
namespace {

using Tables = KernelSpace::Tables;
using Window = KmapWindow<Tables>;
using detail::Visit;

constinit Locked<Window> window;
constinit WaitQueue waiting_for_slot;

/// In the fixmap each CPU has a page for each visit that may be nested, and one that is replaced.
constexpr unsigned kTemporaryPage = KmapLocal::kMostNested;
static_assert(kTemporaryPage + 1 == kFixPagesPerCpu);

/// The pages that one CPU lends, and the first that it does not lend now. Only that CPU looks, with
/// interrupts masked. (512 bytes, so that a shift finds them.)
struct alignas(512) Visits {
  Visit* next = nullptr;
  std::array<Visit, KmapLocal::kMostNested + 1> pages{};  // the last one ends them
};
constinit std::array<Visits, arch::kMaxCpus> visits;

arch::KernelTlb& tlb() { return kernel_space().tables().tlb(); }

/// What a visited frame is mapped with, but for the frame.
constexpr arch::Entry kPageOfFrame0 = arch::Entry::leaf(Level::L3, Frame(), kKernelData);

consteval bool every_layout_has_room() {
  for (const LayoutId id : kLayoutIds)
    for (const Region& region : layout_of(id).regions) {
      if (region.kind == RegionKind::pkmap && region.size() != Window::kSlots * kPageSize)
        return false;
      if (region.kind != RegionKind::fixmap) continue;
      const VirtRange last = fixmap_cpu_page(region, arch::kMaxCpus - 1, kTemporaryPage);
      if (!region.contains(last.end())) return false;  // its guard page
    }
  return true;
}
static_assert(every_layout_has_room());

/// Finds the entries of the pages that CPUs lend, adding the tables that are missing.
Result<void> start_visits(Tables& tables, const Region& fixmap) {
  for (usize cpu = 0; cpu < visits.size(); ++cpu) {
    Visits& mine = visits[cpu];
    for (unsigned nth = 0; nth < KmapLocal::kMostNested; ++nth) {
      const VirtAddr page = fixmap_cpu_page(fixmap, cpu, nth).start();
      mine.pages[nth] = {page, TRY(tables.reach(page, Level::L3)), &mine.next, {}};
    }
    mine.next = mine.pages.data();
  }
  return {};
}

}  // namespace

Result<void> kmap_start() {
  if (zone_stats(ZoneKind::highmem).present == 0) return {};
  Tables& tables = kernel_space().tables();
  const Region& fixmap = current_layout().region(RegionKind::fixmap);
  TRY(start_visits(tables, fixmap));
  const VirtAddr first(current_layout().region(RegionKind::pkmap).first);
  return window.with([&](Window& slots) { return slots.start(tables, first); });
}

Result<void*> detail::kmap_highmem(Frame frame) {
  const VirtAddr address = TRY(window.with([&](Window& slots) { return slots.map(frame); }));
  return reinterpret_cast<void*>(address.value());
}

Result<void*> detail::kmap_highmem_waiting(Frame frame, const WaitOptions& options) {
  VirtAddr address;
  const auto got_slot = [&](Window& slots) {
    const Result<VirtAddr> mapped = slots.map(frame);
    if (mapped.has_value()) address = mapped.value();
    return mapped.has_value();
  };
  TRY(waiting_for_slot.wait(window, got_slot, options));
  return reinterpret_cast<void*>(address.value());
}

void kunmap(Frame frame) { CHECK(try_kunmap(frame).has_value()); }

/// Wakes all who wait: one whose frame is mapped by now needs no slot, and another may have it.
Result<void> try_kunmap(Frame frame) {
  if (linear_map.to_virt(frame.address()).has_value()) return {};
  TRY(window.with([&](Window& slots) { return slots.unmap(frame); }));
  waiting_for_slot.wake_all();
  return {};
}

KmapStats kmap_stats() {
  return window.with([](Window& slots) { return slots.stats(); });
}

Visit* detail::enter_visit(Frame frame) {
  const arch::IrqState irqs = arch::mask_irqs();
  Visits& mine = visits[arch::cpu_index()];
  Visit* const visit = mine.next;
  CHECK(visit->entry != nullptr);  // kMostNested
  visit->irqs = irqs;
  mine.next = visit + 1;
  store_entry(*visit->entry, kPageOfFrame0.advanced(frame.number()));
  tlb().publish();
  return visit;
}

/// The invalidation is for all CPUs although only this one used the page: the tables are shared, so
/// another one may have walked to it, ahead of need, and must not hold the old entry when a new one
/// is there.
void detail::leave_visit(Visit* visit) {
  CHECK(*visit->next == visit + 1);  // in reverse order, on the same CPU
  *visit->next = visit;
  const auto [address, entry, next, irqs] = *visit;
  store_entry(*entry, arch::Entry());
  tlb().publish();
  tlb().invalidate(address, kPageSize, kPageSize, TlbScope::leaf_only);
  tlb().finish();
  arch::restore_irqs(irqs);
}

Result<void*> kmap_temporary(Frame frame) {
  const arch::IrqGuard irq;
  const Region& fixmap = current_layout().region(RegionKind::fixmap);
  const VirtRange page = fixmap_cpu_page(fixmap, arch::cpu_index(), kTemporaryPage);
  TRY(kernel_space().unmap(page));  // break before make
  TRY(kernel_space().map(page, frame, kKernelData));
  return reinterpret_cast<void*>(page.start().value());
}

}  // namespace meridian
