// SPDX-License-Identifier: MIT
#include "mm/kernel/kmap.h"

#include <arch/cpu.h>

#include "kernel/sync/spinlock.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/kernel_space.h"
#include "mm/layout/all.h"

namespace meridian {
namespace {

using Tables = KernelSpace::Tables;
using Window = KmapWindow<Tables>;

constinit Locked<Window> window;

/// In the fixmap each CPU has a page for each visit that may be nested, and one that is replaced.
constexpr unsigned kTemporaryPage = KmapLocal::kMostNested;
static_assert(kTemporaryPage + 1 == kFixPagesPerCpu);

/// The pages of all CPUs, with the unmapped ones between.
constexpr u64 kPagesOfCpus = 2 * arch::kMaxCpus * kFixPagesPerCpu;
constinit EntryWindow<Tables, kPagesOfCpus> visits;

constexpr u64 page_of_visit(u64 cpu, unsigned nth) {
  return 2 * (cpu * kFixPagesPerCpu + nth);
}

/// How many visits are nested on each CPU now. Only that CPU looks, with interrupts masked.
struct alignas(64) Depth {
  unsigned visits = 0;
};
constinit std::array<Depth, arch::kMaxCpus> depths;

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

}  // namespace

Result<void> kmap_start() {
  if (zone_stats(ZoneKind::highmem).present == 0) return {};
  Tables& tables = kernel_space().tables();
  const Region& fixmap = current_layout().region(RegionKind::fixmap);
  TRY(visits.start(tables, fixmap_cpu_page(fixmap, 0, 0).start()));
  const VirtAddr first(current_layout().region(RegionKind::pkmap).first);
  return window.with([&](Window& slots) { return slots.start(tables, first); });
}

Result<void*> detail::kmap_highmem(Frame frame) {
  const VirtAddr address = TRY(window.with([&](Window& slots) { return slots.map(frame); }));
  return reinterpret_cast<void*>(address.value());
}

void kunmap(Frame frame) { CHECK(try_kunmap(frame).has_value()); }

Result<void> try_kunmap(Frame frame) {
  if (linear_map.to_virt(frame.address()).has_value()) return {};
  return window.with([&](Window& slots) { return slots.unmap(frame); });
}

KmapStats kmap_stats() {
  return window.with([](Window& slots) { return slots.stats(); });
}

void KmapLocal::enter(Frame frame) {
  irq_.emplace();
  const usize cpu = arch::cpu_index();
  CHECK(depths[cpu].visits < kMostNested);
  const u64 page = page_of_visit(cpu, depths[cpu].visits++);
  address_ = visits.address(page);
  store_entry(visits[page], arch::Entry::leaf(Level::L3, frame, kKernelData));
  kernel_space().tables().tlb().publish();
}

/// The invalidation is for all CPUs although only this one used the page: the tables are shared, so
/// another one may have walked to it, ahead of need, and must not hold the old entry when a new one
/// is there.
void KmapLocal::leave() {
  const usize cpu = arch::cpu_index();
  const u64 page = page_of_visit(cpu, --depths[cpu].visits);
  CHECK(visits.address(page) == address_);  // in reverse order
  arch::KernelTlb& tlb = kernel_space().tables().tlb();
  store_entry(visits[page], arch::Entry());
  tlb.publish();
  tlb.invalidate(address_, kPageSize, kPageSize, TlbScope::leaf_only);
  tlb.finish();
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
