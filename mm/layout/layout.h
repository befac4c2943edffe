// SPDX-License-Identifier: MIT
/// The schema of a virtual address space as data. A layout says how large the halves are and what
/// lies where; nothing else in the tree knows an address. Regions tile all 2^64 bytes in order, the
/// hole being a region like any other; `last` is inclusive, because the end of the top one does not
/// fit.
///
/// There is no pointer in a layout: boot reads it while pointers in the image are not right yet.
#pragma once

#include <array>
#include <initializer_list>

#include "kernel/lib/bits.h"
#include "kernel/lib/fixed_text.h"
#include "mm/page_size.h"
#include "mm/range.h"

namespace meridian {

enum class RegionKind : u8 {
  user,
  hole,
  linear,
  modules,
  vmalloc,  // and ioremap; holds the kernel image at its start, where no region is for that
  image,
  fixmap,
  pkmap,
  pci_io,
  frame_table,  // Linux: vmemmap
  guard,        // never mapped, on purpose
  unused,       // Linux has something there, this kernel nothing
};

struct Region {
  u64 first = 0, last = 0;  // inclusive
  RegionKind kind{};
  FixedText<38> name;

  constexpr u64 size() const { return last - first + 1; }  // 0 means 2^64
  constexpr bool contains(VirtAddr va) const { return first <= va.value() && va.value() <= last; }
  constexpr VirtRange range() const { return {VirtAddr(first), size()}; }
};

/// The regions of a layout, lowest first. The user half begins with the one of kind `user`.
class Regions {
 public:
  static constexpr usize kMost = 28;

  constexpr Regions() = default;
  /// CHECKs that there are at most kMost.
  constexpr Regions(std::initializer_list<Region> list) {
    for (const Region& region : list) add(region);
  }
  /// The next one up. The same CHECK.
  constexpr void add(const Region& region) {
    CHECK(count_ < kMost);
    list_[count_++] = region;
  }

  constexpr const Region* begin() const { return list_.data(); }
  constexpr const Region* end() const { return list_.data() + count_; }
  constexpr Region* begin() { return list_.data(); }
  constexpr Region* end() { return list_.data() + count_; }

 private:
  std::array<Region, kMost> list_{};
  usize count_ = 0;
};

/// Where the image runs, given where it was loaded.
enum class ImagePlace : u8 {
  own_mapping,    // at image_base, as far into a 2 MiB block as it was loaded
  in_linear_map,  // where the linear map has it, RAM beginning with the GiB that it was loaded in
};

/// How far vmalloc keeps away from the linear map.
enum class VmallocStart : u8 {
  fixed,
  follows_ram,  // kVmallocOffset above the last byte of RAM in the linear map, as on i386
};
inline constexpr u64 kVmallocOffset = 8_MiB;

struct Layout {
  FixedText<15> name;
  unsigned user_bits = 0, kernel_bits = 0;  // 64 - T0SZ, 64 - T1SZ
  ImagePlace image_place = ImagePlace::own_mapping;
  u64 image_base = 0;
  VmallocStart vmalloc_start = VmallocStart::fixed;
  Regions regions;

  constexpr const Region& region_of(VirtAddr va) const {
    for (const Region& r : regions)
      if (r.contains(va)) return r;
    UNREACHABLE();  // the regions tile the space
  }
  /// The first region of `kind`, or null.
  constexpr const Region* find(RegionKind kind) const {
    for (const Region& r : regions)
      if (r.kind == kind) return &r;
    return nullptr;
  }
  /// The same; CHECKs that there is one.
  constexpr const Region& region(RegionKind kind) const {
    const Region* found = find(kind);
    CHECK(found != nullptr);
    return *found;
  }
  /// TASK_SIZE: the first address that no program has.
  constexpr u64 user_end() const { return regions.begin()->last + 1; }

  /// Where an image loaded at `load` runs.
  constexpr VirtAddr image_address(PhysAddr load) const {
    if (image_place == ImagePlace::own_mapping)
      return VirtAddr(image_base + (load.value() & (2_MiB - 1)));
    return VirtAddr(region(RegionKind::linear).first + (load - load.align_down(1_GiB)));
  }
};

/// Fits the layout to a machine of which the linear map reaches `linear` bytes (whole pages, not 0,
/// at most the linear region's size): where vmalloc follows RAM, the linear region shrinks to that,
/// and vmalloc starts kVmallocOffset above (Linux: VMALLOC_START = high_memory + VMALLOC_OFFSET).
constexpr void fit(Layout& layout, u64 linear) {
  if (layout.vmalloc_start == VmallocStart::fixed) return;
  Region* region = layout.regions.begin();
  while (region->kind != RegionKind::linear) ++region;
  CHECK(is_aligned(linear, kPageSize) && linear != 0 && linear <= region->size());
  Region &gap = region[1], &vmalloc = region[2];  // as tiles_the_space() makes sure
  const u64 high_memory = region->first + linear;
  region->last = high_memory - 1;
  gap.first = high_memory;
  gap.last = high_memory + kVmallocOffset - 1;
  vmalloc.first = high_memory + kVmallocOffset;
}
constexpr Layout fitted(Layout layout, u64 linear) {
  fit(layout, linear);
  return layout;
}

/// Every address is in exactly one region; regions start and end on pages; the halves are where
/// TxSZ puts them and the hole is what lies between; where vmalloc follows RAM, it comes after the
/// linear map and a gap.
constexpr bool tiles_the_space(const Layout& layout) {
  u64 expected = 0;
  RegionKind before = RegionKind::guard, two_before = RegionKind::guard;
  for (const Region& r : layout.regions) {
    if (r.first != expected || r.last < r.first) return false;
    if (!is_aligned(r.first, kPageSize) || !is_aligned(r.last + 1, kPageSize)) return false;
    const bool low = r.last <= low_ones(layout.user_bits);
    const bool high = r.first >= ~low_ones(layout.kernel_bits);
    if ((!low && !high) != (r.kind == RegionKind::hole)) return false;
    if (low != (r.kind == RegionKind::user || (low && r.kind == RegionKind::guard))) return false;
    if ((r.first == 0) != (r.kind == RegionKind::user)) return false;
    const bool moves = layout.vmalloc_start == VmallocStart::follows_ram;
    if (moves && r.kind == RegionKind::vmalloc &&
        (before != RegionKind::guard || two_before != RegionKind::linear))
      return false;
    two_before = before;
    before = r.kind;
    expected = r.last + 1;  // wraps to 0 after the last byte
  }
  return expected == 0;
}

/// The layout this kernel runs under, chosen once at boot.
const Layout& current_layout();
/// Only boot calls this, before any region is used.
void choose_layout(const Layout& layout);
/// fit(): once, when RAM is known, before the regions that move are used.
void fit_current_layout(u64 linear);

}  // namespace meridian
