// SPDX-License-Identifier: MIT
/// i386's rules that depend on RAM, at sizes around both caps: high_memory, VMALLOC_START and
/// PKMAP_BASE worked out by hand from Linux's formulas, and what is left for HIGHMEM.
#include <arch/paging.h>
#include <gtest/gtest.h>

#include "mm/kernel/linear_map_build.h"
#include "mm/layout/i386.h"

namespace meridian {
namespace {

struct Case {
  u64 ram, high_memory, vmalloc_start, highmem;  // addresses as i386 has them, of 32 bits
};

void check(const Layout& layout, const Case& c, u64 pkmap_base) {
  const LinearMap map = plan_linear_map(layout, {PhysAddr(1_GiB), c.ram});
  const Layout fit = fitted(layout, map.virt().size());
  EXPECT_TRUE(tiles_the_space(fit)) << c.ram / 1_MiB << " MiB";
  EXPECT_EQ(map.virt().end().value() & 0xffff'ffff, c.high_memory) << c.ram / 1_MiB << " MiB";
  EXPECT_EQ(fit.region(RegionKind::linear).range(), map.virt());
  EXPECT_EQ(fit.region(RegionKind::vmalloc).first & 0xffff'ffff, c.vmalloc_start);
  EXPECT_EQ(fit.region(RegionKind::pkmap).first & 0xffff'ffff, pkmap_base);
  EXPECT_EQ(1_GiB + c.ram - map.phys().end().value(), c.highmem);
}

TEST(I386Ram, TheTextbooksLinearMapEndsAt896MiB) {
  constexpr Case kCases[] = {
      {32_MiB, 0xc200'0000, 0xc280'0000, 0},       {512_MiB, 0xe000'0000, 0xe080'0000, 0},
      {895_MiB, 0xf7f0'0000, 0xf870'0000, 0},      {896_MiB, 0xf800'0000, 0xf880'0000, 0},
      {897_MiB, 0xf800'0000, 0xf880'0000, 1_MiB},  {1_GiB, 0xf800'0000, 0xf880'0000, 128_MiB},
      {2_GiB, 0xf800'0000, 0xf880'0000, 1152_MiB}, {4_GiB, 0xf800'0000, 0xf880'0000, 3200_MiB},
  };
  for (const Case& c : kCases) check(kI386Layout, c, 0xff80'0000);
}

/// MAXMEM = VMALLOC_END - PAGE_OFFSET - 128 MiB = feffe000 - c0000000 - 8000000 = 36ffe000.
TEST(I386Ram, Linux61sEndsAt879Dot99MiB) {
  constexpr u64 kMaxmem = 0x36ff'e000;
  constexpr Case kCases[] = {
      {32_MiB, 0xc200'0000, 0xc280'0000, 0},
      {512_MiB, 0xe000'0000, 0xe080'0000, 0},
      {895_MiB, 0xf6ff'e000, 0xf77f'e000, 895_MiB - kMaxmem},
      {896_MiB, 0xf6ff'e000, 0xf77f'e000, 896_MiB - kMaxmem},
      {897_MiB, 0xf6ff'e000, 0xf77f'e000, 897_MiB - kMaxmem},
      {1_GiB, 0xf6ff'e000, 0xf77f'e000, 1_GiB - kMaxmem},
      {2_GiB, 0xf6ff'e000, 0xf77f'e000, 2_GiB - kMaxmem},
      {4_GiB, 0xf6ff'e000, 0xf77f'e000, 4_GiB - kMaxmem},
  };
  for (const Case& c : kCases) check(kI386_6_1Layout, c, 0xff00'0000);
}

}  // namespace
}  // namespace meridian
