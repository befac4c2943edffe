// SPDX-License-Identifier: MIT
/// The fixmap: kernel addresses known when the kernel is compiled, for things that must be
/// reachable before any allocator is (the device tree, the first console) and for short visits
/// later. A layout gives the region; each slot has a fixed place in it.
#pragma once

#include <arch/cpu.h>

#include "kernel/lib/result.h"
#include "mm/layout/layout.h"
#include "mm/paging/attributes.h"

namespace meridian {

enum class FixSlot : u8 {
  device_tree,  // the whole tree, wherever in RAM it begins
  console,      // the UART's registers, before there is ioremap
  scratch,      // one page for a short visit by the CPU that boots
};
inline constexpr FixSlot kFixSlots[] = {FixSlot::device_tree, FixSlot::console, FixSlot::scratch};

/// The pages that a device tree may lie in: 2 MiB at most, beginning anywhere in a page.
inline constexpr u64 kFixTreeSize = 2_MiB + kPageSize;

/// The addresses of `slot` under `layout`. Reads nothing but its arguments: boot calls it before
/// the image has relocated itself. The tree's window is at the region's start; pages follow, each
/// with an unmapped page after it.
constexpr VirtRange fixmap_range(const Region& fixmap, FixSlot slot) {
  const VirtAddr tree(fixmap.first);
  if (slot == FixSlot::device_tree) return {tree, kFixTreeSize};
  const u64 nth = static_cast<u64>(slot) - 1;
  return {tree + kFixTreeSize + nth * 2 * kPageSize, kPageSize};
}

/// The addresses of `slot` under the current layout.
inline VirtRange fixmap_range(FixSlot slot) {
  return fixmap_range(current_layout().region(RegionKind::fixmap), slot);
}

/// Behind the slots, pages that each CPU has to itself (kmap.h), each with an unmapped page after
/// it too.
inline constexpr unsigned kFixPagesPerCpu = 9;

/// The addresses of the n-th page of `cpu`.
constexpr VirtRange fixmap_cpu_page(const Region& fixmap, u64 cpu, unsigned n) {
  const u64 nth = std::size(kFixSlots) - 1 + cpu * kFixPagesPerCpu + n;
  return {VirtAddr(fixmap.first) + kFixTreeSize + nth * 2 * kPageSize, kPageSize};
}

/// Maps the page-aligned physical range at the start of `slot`; whatever was there is replaced, and
/// no TLB still holds it. Errc::bad_range, not_aligned, too_large (it does not fit) and
/// write_and_execute change nothing; on out_of_frames (of a table) the slot is empty.
Result<VirtAddr> fixmap_set(FixSlot slot, PhysRange what, Attributes attributes);

/// Unmaps all of `slot`; no TLB still holds it.
void fixmap_clear(FixSlot slot);

}  // namespace meridian
