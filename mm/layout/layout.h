// SPDX-License-Identifier: MIT
/// The schema of a virtual address space as data. A layout says how large the halves are and what lies
/// where; nothing else in the tree knows an address. Regions tile all 2^64 bytes in order, the hole
/// being a region like any other; `last` is inclusive, because the end of the top one does not fit.
#pragma once

#include <span>
#include <string_view>

#include "kernel/lib/bits.h"
#include "mm/page_size.h"
#include "mm/range.h"

namespace meridian {

enum class RegionKind : u8 {
  user,
  hole,
  linear,
  modules,
  vmalloc,      // and ioremap; holds the kernel image at its start
  fixmap,
  pkmap,
  pci_io,
  frame_table,  // Linux: vmemmap
  guard,        // never mapped, on purpose
};

struct Region {
  u64 first, last;  // inclusive
  RegionKind kind;
  std::string_view name;

  constexpr u64 size() const { return last - first + 1; }  // 0 means 2^64
  constexpr bool contains(VirtAddr va) const { return first <= va.value() && va.value() <= last; }
  constexpr VirtRange range() const { return {VirtAddr(first), size()}; }
};

struct Layout {
  std::string_view name;
  unsigned user_bits, kernel_bits;  // 64 - T0SZ, 64 - T1SZ
  u64 image_base;                   // where the image's first 2 MiB block goes
  std::span<const Region> regions;

  constexpr const Region& region_of(VirtAddr va) const {
    for (const Region& r : regions)
      if (r.contains(va)) return r;
    UNREACHABLE();  // the regions tile the space
  }
  /// The first region of `kind`; CHECKs that there is one.
  constexpr const Region& region(RegionKind kind) const {
    for (const Region& r : regions)
      if (r.kind == kind) return r;
    UNREACHABLE();
  }
};

/// Every address is in exactly one region; regions start and end on pages; the halves are where TxSZ
/// puts them and the hole is what lies between.
consteval bool tiles_the_space(const Layout& layout) {
  u64 expected = 0;
  for (const Region& r : layout.regions) {
    if (r.first != expected || r.last < r.first) return false;
    if (!is_aligned(r.first, kPageSize) || !is_aligned(r.last + 1, kPageSize)) return false;
    const bool low = r.last <= low_ones(layout.user_bits);
    const bool high = r.first >= ~low_ones(layout.kernel_bits);
    if (low != (r.kind == RegionKind::user)) return false;
    if ((!low && !high) != (r.kind == RegionKind::hole)) return false;
    expected = r.last + 1;  // wraps to 0 after the last byte
  }
  return expected == 0;
}

/// The layout this kernel runs under, chosen once at boot.
const Layout& current_layout();
/// Only boot calls this, before any region is used.
void choose_layout(const Layout& layout);

}  // namespace meridian
