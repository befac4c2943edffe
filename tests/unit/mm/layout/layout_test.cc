// SPDX-License-Identifier: MIT
/// Layouts: the arm64 one has Linux 6.1's own addresses, and what does not tile the space is
/// refused.
#include "mm/layout/layout.h"

#include <gtest/gtest.h>

#include "mm/layout/arm64.h"

namespace meridian {
namespace {

constexpr u64 kTop = ~u64{0};

// What must not compile as a layout, each a small change to one that does.
template <usize N>
consteval bool tiles(const Region (&regions)[N], unsigned user_bits = 48,
                     unsigned kernel_bits = 48) {
  return tiles_the_space({"test", user_bits, kernel_bits, 0, regions});
}
constexpr Region kUser{0, 0x0000'ffff'ffff'ffff, RegionKind::user, "user"};
constexpr Region kHole{0x0001'0000'0000'0000, 0xfffe'ffff'ffff'ffff, RegionKind::hole, "hole"};
constexpr Region kHigh{0xffff'0000'0000'0000, kTop, RegionKind::vmalloc, "high"};
constexpr Region kAll[] = {kUser, kHole, kHigh};
static_assert(tiles(kAll));
constexpr Region kGap[] = {kUser, kHole, {0xffff'0000'0000'1000, kTop, RegionKind::vmalloc, ""}};
static_assert(!tiles(kGap));
constexpr Region kOverlap[] = {
    kUser, kHole, {0xfffe'ffff'ffff'f000, kTop, RegionKind::vmalloc, ""}};
static_assert(!tiles(kOverlap));
constexpr Region kShort[] = {kUser, kHole};
static_assert(!tiles(kShort));
constexpr Region kOddPage[] = {{0, 0xfff, RegionKind::user, ""},
                               {0x1000, 0x17ff, RegionKind::user, ""},
                               {0x1800, 0x0000'ffff'ffff'ffff, RegionKind::user, ""},
                               kHole,
                               kHigh};
static_assert(!tiles(kOddPage));
constexpr Region kBackwards[] = {
    kUser, {0x0001'0000'0000'0000, 0x1000, RegionKind::hole, ""}, kHigh};
static_assert(!tiles(kBackwards));
static_assert(!tiles(kAll, 47, 48), "the user half is larger than its TxSZ allows");
static_assert(!tiles(kAll, 48, 47), "the kernel half too");
constexpr Region kKernelInLowHalf[] = {
    {0, 0x0000'ffff'ffff'ffff, RegionKind::vmalloc, ""}, kHole, kHigh};
static_assert(!tiles(kKernelInLowHalf));
constexpr Region kNoHole[] = {
    kUser, {0x0001'0000'0000'0000, 0xfffe'ffff'ffff'ffff, RegionKind::guard, ""}, kHigh};
static_assert(!tiles(kNoHole));

/// The headings of /sys/kernel/debug/kernel_page_tables on Linux 6.1, arm64, 4 KiB pages, 48 bits.
TEST(Arm64Layout, HasLinuxsAddresses) {
  const struct {
    RegionKind kind;
    u64 first, last;
  } linux_regions[] = {
      {RegionKind::linear, 0xffff'0000'0000'0000, 0xffff'7fff'ffff'ffff},
      {RegionKind::modules, 0xffff'8000'0000'0000, 0xffff'8000'07ff'ffff},
      {RegionKind::vmalloc, 0xffff'8000'0800'0000, 0xffff'fbff'efff'ffff},
      {RegionKind::pci_io, 0xffff'fbff'fe80'0000, 0xffff'fbff'ff7f'ffff},
      {RegionKind::frame_table, 0xffff'fc00'0000'0000, 0xffff'fdff'ffff'ffff},
  };
  for (const auto& expected : linux_regions) {
    const Region& region = kArm64Layout.region(expected.kind);
    EXPECT_EQ(region.first, expected.first) << region.name;
    EXPECT_EQ(region.last, expected.last) << region.name;
  }
  EXPECT_EQ(kArm64Layout.region(RegionKind::fixmap).last, 0xffff'fbff'fdff'ffffu);
  EXPECT_EQ(kArm64Layout.image_base, 0xffff'8000'0800'0000u);
}

TEST(Layout, EveryAddressIsInOneRegion) {
  const struct {
    u64 va;
    RegionKind kind;
  } addresses[] = {{0, RegionKind::user},
                   {0x0000'ffff'ffff'ffff, RegionKind::user},
                   {0x0001'0000'0000'0000, RegionKind::hole},
                   {0xfffe'ffff'ffff'ffff, RegionKind::hole},
                   {0xffff'0000'0000'0000, RegionKind::linear},
                   {0xffff'8000'0800'0000, RegionKind::vmalloc},
                   {0xffff'fbff'ffff'ffff, RegionKind::pkmap},
                   {kTop, RegionKind::guard}};
  for (const auto& a : addresses)
    EXPECT_EQ(kArm64Layout.region_of(VirtAddr(a.va)).kind, a.kind) << std::hex << a.va;
}

TEST(Layout, RegionsKnowTheirSize) {
  EXPECT_EQ(kArm64Layout.region(RegionKind::user).size(), u64{1} << 48);
  EXPECT_EQ(kArm64Layout.region(RegionKind::linear).range(),
            VirtRange(VirtAddr(0xffff'0000'0000'0000), u64{1} << 47));
}

TEST(Layout, ALayoutWithoutTheRegionFailsACheck) {
  static constexpr Layout kSmall{"small", 48, 48, 0, kAll};
  EXPECT_THROW((void)kSmall.region(RegionKind::fixmap), std::logic_error);
}

TEST(Layout, TheCurrentOneIsArm64UnlessChosen) {
  EXPECT_EQ(current_layout().name, "arm64");
  static constexpr Layout kOther{"other", 48, 48, 0, kAll};
  choose_layout(kOther);
  EXPECT_EQ(current_layout().name, "other");
  choose_layout(kArm64Layout);
  EXPECT_EQ(&current_layout(), &kArm64Layout);
}

}  // namespace
}  // namespace meridian
