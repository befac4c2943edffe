// SPDX-License-Identifier: MIT
/// Builds the linear map: RAM at a constant offset, in the largest leaves that fit. The work is one
/// descriptor for each GiB of RAM, and a few tables where a bank or the image does not fill a
/// block.
///
/// The mapper is the caller's, so that boot decides where tables come from: first the pool inside
/// the image, then, once some RAM is mapped here, EarlyFrames.
#pragma once

#include "mm/kernel/linear_map.h"
#include "mm/layout/layout.h"
#include "mm/paging/attributes.h"
#include "mm/paging/mapper.h"

namespace meridian {

/// The linear map that `layout` has for RAM between `ram.start()` and `ram.end()`: RAM's start,
/// rounded down to the largest leaf so that such leaves fit, appears at the region's start. It
/// reaches to the end of RAM, of the region, or `cap` bytes, whatever comes first; RAM above is
/// HIGHMEM.
constexpr LinearMap plan_linear_map(const Layout& layout, PhysRange ram, u64 cap = ~u64{0}) {
  constexpr u64 kLargestLeaf = 1_GiB;
  const Region& region = layout.region(RegionKind::linear);
  const PhysAddr start = ram.start().align_down(kLargestLeaf);
  u64 size = ram.end() - start;
  if (size > region.size()) size = region.size();
  if (size > cap) size = align_down(cap, kPageSize);
  return LinearMap(VirtAddr(region.first), start, size);
}

/// Maps the part of `bank` (whole frames of RAM) that `map` reaches: writable, but `read_only` (the
/// image's text and rodata, whole frames; it may be empty) not; nothing executable. Whatever `map`
/// returns, it is complete: the mapper publishes.
template <typename Mapper>
Result<void> build_linear_map(Mapper& mapper, const LinearMap& map, PhysRange bank,
                              PhysRange read_only) {
  const u64 low = bank.start().value(), high = bank.end().value();
  const u64 reach = map.phys().end().value();
  const u64 end = high < reach ? high : reach;
  if (low < map.phys().start().value()) return Error{Errc::bad_range, low};

  const auto clip = [&](u64 at) { return at < low ? low : at > end ? end : at; };
  const auto map_part = [&](u64 from, u64 to, Attributes attributes) -> Result<void> {
    if (from >= to) return {};
    const Frame first(PhysAddr{from});
    const VirtRange range(VirtAddr(from + map.offset()), to - from);
    return mapper.map(range, first, attributes, MapOptions{.largest = Level::L1});
  };
  const u64 ro_start = clip(read_only.start().value());
  const u64 ro_end = read_only.is_empty() ? ro_start : clip(read_only.end().value());
  TRY(map_part(low, ro_start, kKernelData));
  TRY(map_part(ro_start, ro_end, kKernelRodata));
  return map_part(ro_end, end, kKernelData);
}

}  // namespace meridian
