// SPDX-License-Identifier: MIT
/// Layouts: the arm64 one has Linux 6.1's own addresses, and what does not tile the space is
/// refused.
#include "mm/layout/layout.h"

#include <gtest/gtest.h>

#include "mm/layout/all.h"

namespace meridian {
namespace {

constexpr u64 kTop = ~u64{0};

// What must not compile as a layout, each a small change to one that does.
consteval bool tiles(const Regions& regions, unsigned user_bits = 48, unsigned kernel_bits = 48) {
  return tiles_the_space(
      {.name = "test", .user_bits = user_bits, .kernel_bits = kernel_bits, .regions = regions});
}
constexpr Region kUser{0, 0x0000'ffff'ffff'ffff, RegionKind::user, "user"};
constexpr Region kHole{0x0001'0000'0000'0000, 0xfffe'ffff'ffff'ffff, RegionKind::hole, "hole"};
constexpr Region kHigh{0xffff'0000'0000'0000, kTop, RegionKind::vmalloc, "high"};
constexpr Regions kAll = {kUser, kHole, kHigh};
static_assert(tiles(kAll));
constexpr Regions kGap = {kUser, kHole, {0xffff'0000'0000'1000, kTop, RegionKind::vmalloc, ""}};
static_assert(!tiles(kGap));
constexpr Regions kOverlap = {kUser, kHole, {0xfffe'ffff'ffff'f000, kTop, RegionKind::vmalloc, ""}};
static_assert(!tiles(kOverlap));
constexpr Regions kShort = {kUser, kHole};
static_assert(!tiles(kShort));
constexpr Regions kOddPage = {{0, 0xfff, RegionKind::user, ""},
                              {0x1000, 0x17ff, RegionKind::user, ""},
                              {0x1800, 0x0000'ffff'ffff'ffff, RegionKind::user, ""},
                              kHole,
                              kHigh};
static_assert(!tiles(kOddPage));
constexpr Regions kBackwards = {
    kUser, {0x0001'0000'0000'0000, 0x1000, RegionKind::hole, ""}, kHigh};
static_assert(!tiles(kBackwards));
static_assert(!tiles(kAll, 47, 48), "the user half is larger than its TxSZ allows");
static_assert(!tiles(kAll, 48, 47), "the kernel half too");
constexpr Regions kKernelInLowHalf = {
    {0, 0x0000'ffff'ffff'ffff, RegionKind::vmalloc, ""}, kHole, kHigh};
static_assert(!tiles(kKernelInLowHalf));
constexpr Regions kNoHole = {
    kUser, {0x0001'0000'0000'0000, 0xfffe'ffff'ffff'ffff, RegionKind::guard, ""}, kHigh};
static_assert(!tiles(kNoHole));

// vmalloc may follow RAM only where a linear region and a gap come before it: they give way.
consteval bool tiles_when_vmalloc_follows_ram(RegionKind before) {
  return tiles_the_space(
      {.name = "test",
       .user_bits = 48,
       .kernel_bits = 48,
       .vmalloc_start = VmallocStart::follows_ram,
       .regions = {kUser,
                   kHole,
                   {0xffff'0000'0000'0000, 0xffff'0000'3fff'ffff, RegionKind::linear, ""},
                   {0xffff'0000'4000'0000, 0xffff'0000'4fff'ffff, before, ""},
                   {0xffff'0000'5000'0000, kTop, RegionKind::vmalloc, ""}}});
}
static_assert(tiles_when_vmalloc_follows_ram(RegionKind::guard));
static_assert(!tiles_when_vmalloc_follows_ram(RegionKind::modules));

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
    EXPECT_EQ(region.first, expected.first) << region.name.view();
    EXPECT_EQ(region.last, expected.last) << region.name.view();
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
  static constexpr Layout kSmall{
      .name = "small", .user_bits = 48, .kernel_bits = 48, .regions = kAll};
  EXPECT_THROW((void)kSmall.region(RegionKind::fixmap), std::logic_error);
}

TEST(Layout, TheCurrentOneIsArm64UnlessChosen) {
  EXPECT_EQ(current_layout().name, "arm64");
  static constexpr Layout kOther{
      .name = "other", .user_bits = 48, .kernel_bits = 48, .regions = kAll};
  choose_layout(kOther);
  EXPECT_EQ(current_layout().name, "other");
  choose_layout(kArm64Layout);
  EXPECT_EQ(current_layout().name, "arm64");
}

/// high_memory is 0xe0000000 on 512 MiB; Linux's VMALLOC_START is 8 MiB above it.
TEST(I386Layout, VmallocStarts8MiBAboveRam) {
  const Layout layout = fitted(kI386Layout, 512_MiB);
  EXPECT_EQ(layout.region(RegionKind::linear).range(),
            VirtRange(VirtAddr(0xffff'ffff'c000'0000), 512_MiB));
  EXPECT_EQ(layout.region(RegionKind::vmalloc).first, 0xffff'ffff'e080'0000u);
  EXPECT_EQ(layout.region(RegionKind::vmalloc).last, kI386Layout.region(RegionKind::vmalloc).last);
  EXPECT_EQ(layout.region_of(VirtAddr(0xffff'ffff'e000'0000)).kind, RegionKind::guard);
  EXPECT_TRUE(tiles_the_space(layout));
}

TEST(I386Layout, TheLinearMapCannotOutgrowItsRegion) {
  EXPECT_THROW((void)fitted(kI386Layout, 1_GiB), std::logic_error);
}

TEST(Layout, WhereVmallocIsFixedRamChangesNothing) {
  const Layout layout = fitted(kArm64Layout, 512_MiB);
  EXPECT_EQ(layout.region(RegionKind::linear).size(), u64{1} << 47);
  EXPECT_EQ(layout.region(RegionKind::vmalloc).first, 0xffff'8000'0800'0000u);
}

TEST(Layout, TheCurrentOneFitsOnceRamIsKnown) {
  choose_layout(kI386Layout);
  fit_current_layout(64_MiB);
  EXPECT_EQ(current_layout().region(RegionKind::vmalloc).first, 0xffff'ffff'c480'0000u);
  choose_layout(kArm64Layout);
}

/// As loaded at 1 GiB and 2 MiB + 512 KiB: a mapping of its own keeps the offset in a 2 MiB block,
/// the linear map the offset in RAM's first GiB.
TEST(Layout, TheImageRunsWhereItsLayoutPutsIt) {
  const PhysAddr load(0x4028'0000);
  EXPECT_EQ(kArm64Layout.image_address(load), VirtAddr(0xffff'8000'0808'0000));
  EXPECT_EQ(kX86_64Layout.image_address(load), VirtAddr(0xffff'ffff'8108'0000));
  EXPECT_EQ(kI386Layout.image_address(load), VirtAddr(0xffff'ffff'c028'0000));
}

TEST(Layout, ProgramsEndWhereTheirRegionDoes) {
  EXPECT_EQ(kArm64Layout.user_end(), 0x0001'0000'0000'0000u);
  EXPECT_EQ(kI386Layout.user_end(), 0xc000'0000u);
}

TEST(Layouts, EachIsFoundByItsName) {
  EXPECT_EQ(layout_named("i386-6.1"), LayoutId::i386_6_1);
  EXPECT_EQ(layout_named("i386-7"), std::nullopt);
  for (const LayoutId id : kLayoutIds) EXPECT_EQ(layout_named(layout_of(id).name), id);
}

}  // namespace
}  // namespace meridian
