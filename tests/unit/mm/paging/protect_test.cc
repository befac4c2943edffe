// SPDX-License-Identifier: MIT
/// Changing what is mapped: which changes are made in place, which break before they make, and what
/// is split for them.
#include <gtest/gtest.h>

#include "machine.h"
#include "mm/paging/replace.h"

namespace meridian {
namespace {

using ArmUser = Machine<ArmUser39, Sharing::exclusive>;
using ArmShared = Machine<ArmKernel, Sharing::shared>;
constexpr u64 kHalf = ArmKernel::kBase;

VirtRange range(u64 start, u64 size) { return {VirtAddr(start), size}; }
Frame frame(u64 pa) { return Frame(PhysAddr(pa)); }

/// The rule, change by change, for each format: rights in place, everything else after a break.
template <typename Format>
void changes_are_told_apart() {
  using Entry = typename Format::Entry;
  const Attributes base = kKernelData;
  const Entry entry = Entry::leaf(Level::L3, frame(0x1000), base);
  auto change_to = [&](auto&& alter, Frame to) {
    Attributes wanted = base;
    alter(wanted);
    return change_between(Level::L3, entry, Entry::leaf(Level::L3, to, wanted));
  };
  const Frame same = frame(0x1000);
  EXPECT_EQ(change_to([](Attributes&) {}, same), Change::none);
  EXPECT_EQ(change_to([](Attributes& a) { a.write = false; }, same), Change::in_place);
  EXPECT_EQ(change_to([](Attributes& a) { a.execute = true; }, same), Change::in_place);
  EXPECT_EQ(change_to([](Attributes& a) { a.user = true; }, same), Change::in_place);
  EXPECT_EQ(change_to([](Attributes& a) { a.accessed = false; }, same), Change::in_place);
  EXPECT_EQ(change_to([](Attributes& a) { a.type = MemoryType::device; }, same),
            Change::break_first);
  EXPECT_EQ(change_to([](Attributes& a) { a.type = MemoryType::normal_uncached; }, same),
            Change::break_first);
  EXPECT_EQ(change_to([](Attributes& a) { a.global = false; }, same), Change::break_first);
  EXPECT_EQ(change_to([](Attributes& a) { a.contiguous = true; }, same), Change::break_first);
  EXPECT_EQ(change_to([](Attributes&) {}, frame(0x2000)), Change::break_first);
  const Entry block = Entry::leaf(Level::L2, frame(0x20'0000), base);
  EXPECT_EQ(change_between(Level::L2, block, Entry::table(frame(0x20'0000))), Change::break_first);
}
TEST(Replace, OnlyRightsChangeInPlace) {
  changes_are_told_apart<arch::Vmsa>();
  changes_are_told_apart<toy::Format>();
}

TEST(Protect, CompletesOnEveryCpu) {
  ArmShared machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 40_KiB), frame(0), kKernelData));
  ASSERT_TRUE(machine.mapper.protect(range(kHalf + 4_KiB, 8_KiB), kKernelRodata));
  machine.expect_clean();
  machine.expect_maps(kHalf, 0, kKernelData);
  machine.expect_maps(kHalf + 4_KiB, 4_KiB, kKernelRodata);
  machine.expect_maps(kHalf + 8_KiB, 8_KiB, kKernelRodata);
  machine.expect_maps(kHalf + 12_KiB, 12_KiB, kKernelData);
}

TEST(Protect, EveryKindOfChangeAtEveryLevel) {
  Attributes device = kKernelData, tagged = kKernelData;
  device.type = MemoryType::device;
  tagged.global = false;
  const u64 size = 1_GiB + 2_MiB + 64_KiB + 4_KiB;  // a block, a block, a group, a page
  for (const Attributes& wanted : {kKernelText, kKernelRodata, device, tagged}) {
    ArmShared machine;
    ASSERT_TRUE(machine.mapper.map(range(kHalf, size), frame(0), kKernelData));
    ASSERT_TRUE(machine.mapper.protect(range(kHalf, size), wanted));
    machine.expect_clean();
    for (const u64 offset : {u64{0}, 1_GiB, 1_GiB + 2_MiB, size - 4_KiB})
      machine.expect_maps(kHalf + offset, offset, wanted);
    EXPECT_EQ(machine.leaf_at(kHalf).level, 1u);
    EXPECT_EQ(machine.leaf_at(kHalf + 1_GiB).level, 2u);
    EXPECT_TRUE(machine.leaf_at(kHalf + 1_GiB + 2_MiB).contiguous) << "the group stays one";
  }
}

TEST(Protect, SplitsOnlyWhatItCuts) {
  ArmShared machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 3_GiB), frame(0), kKernelData));
  // From the last page of the first block to the first of the third.
  const VirtRange middle = range(kHalf + 1_GiB - 4_KiB, 1_GiB + 8_KiB);
  ASSERT_TRUE(machine.mapper.protect(middle, kKernelRodata));
  machine.expect_clean();
  EXPECT_EQ(machine.leaf_at(kHalf + 1_GiB).level, 1u);
  EXPECT_EQ(machine.leaf_at(kHalf).level, 2u);
  EXPECT_EQ(machine.leaf_at(kHalf + 1_GiB - 4_KiB).level, 3u);
  EXPECT_EQ(machine.leaf_at(kHalf + 2_GiB + 4_KiB).level, 3u);
  EXPECT_EQ(machine.leaf_at(kHalf + 2_GiB + 2_MiB).level, 2u);
  machine.expect_maps(kHalf + 1_GiB - 8_KiB, 1_GiB - 8_KiB, kKernelData);
  machine.expect_maps(kHalf + 1_GiB - 4_KiB, 1_GiB - 4_KiB, kKernelRodata);
  machine.expect_maps(kHalf + 2_GiB, 2_GiB, kKernelRodata);
  machine.expect_maps(kHalf + 2_GiB + 4_KiB, 2_GiB + 4_KiB, kKernelData);
  EXPECT_EQ(machine.tables.in_use(), 6u);
}

TEST(Protect, NothingChangesWhenATableIsMissing) {
  // The root and the L1 table; two more would be needed for the first cut, two for the second.
  for (const usize spare : {0, 1, 2, 3}) {
    ArmShared machine(2 + spare);
    ASSERT_TRUE(machine.mapper.map(range(kHalf, 3_GiB), frame(0), kKernelData));
    const VirtRange middle = range(kHalf + 1_GiB - 4_KiB, 1_GiB + 8_KiB);
    const auto before = machine.tables.contents();
    EXPECT_EQ(machine.mapper.protect(middle, kKernelRodata).error().code, Errc::out_of_frames);
    EXPECT_EQ(machine.tables.contents(), before);
    machine.expect_clean();
  }
}

/// The last entry of the half has no successor whose leaf could be cut.
TEST(Protect, WorksUpToTheLastByte) {
  ArmShared machine;
  ASSERT_TRUE(machine.mapper.map(range(~u64{0} - 2_MiB + 1, 2_MiB), frame(0), kKernelData));
  ASSERT_TRUE(machine.mapper.protect(range(~u64{0} - 4095, 4_KiB), kKernelRodata));
  machine.expect_clean();
  machine.expect_maps(~u64{0}, 2_MiB - 1, kKernelRodata);
  machine.expect_maps(~u64{0} - 4_KiB, 2_MiB - 4_KiB - 1, kKernelData);
}

TEST(Protect, HolesStayHoles) {
  ArmUser machine;
  ASSERT_TRUE(machine.mapper.map(range(4_KiB, 4_KiB), frame(0), kUserData));
  ASSERT_TRUE(machine.mapper.protect(range(0, 512_GiB), kUserRodata));
  ASSERT_TRUE(machine.mapper.protect(range(100_GiB, 4_KiB), kUserRodata));
  machine.expect_clean();
  machine.expect_maps(4_KiB, 0, kUserRodata);
  machine.expect_faults(0);
  machine.expect_faults(8_KiB);
  machine.expect_faults(100_GiB);
}

TEST(ReplacePage, LeadsElsewhereAfterABreak) {
  ArmUser machine;
  ASSERT_TRUE(machine.mapper.map(range(0, 2_MiB), frame(0), kUserRodata));
  ASSERT_TRUE(machine.mapper.replace_page(VirtAddr(20_KiB), frame(0x7000'0000), kUserData));
  machine.expect_clean();
  machine.expect_maps(20_KiB, 0x7000'0000, kUserData);
  machine.expect_maps(16_KiB, 16_KiB, kUserRodata);
  machine.expect_maps(24_KiB, 24_KiB, kUserRodata);
}

TEST(ReplacePage, NeedsAPage) {
  ArmUser machine;
  EXPECT_EQ(machine.mapper.replace_page(VirtAddr(0), frame(0), kUserData).error(),
            (Error{Errc::not_mapped, 0}));
  EXPECT_EQ(machine.mapper.replace_page(VirtAddr(8), frame(0), kUserData).error(),
            (Error{Errc::not_aligned, 8}));
  EXPECT_EQ(machine.mapper.replace_page(VirtAddr(512_GiB), frame(0), kUserData).error(),
            (Error{Errc::bad_range, 512_GiB}));
  EXPECT_EQ(machine.mapper.replace_page(VirtAddr(0), frame(u64{1} << 48), kUserData).error().code,
            Errc::too_large);
}

TEST(SplitBlock, ChangesNoTranslation) {
  for (const Level level : {Level::L2, Level::L3}) {
    ArmUser machine;
    ASSERT_TRUE(machine.mapper.map(range(0, 1_GiB), frame(1_GiB), kUserData));
    const u64 va = 100_MiB + 0x123;
    ASSERT_TRUE(machine.mapper.split_block(VirtAddr(va), level));
    machine.expect_clean();
    EXPECT_EQ(machine.leaf_at(va).level, number_of(level));
    for (u64 at = 0; at < 1_GiB; at += 2_MiB - 4_KiB)
      machine.expect_maps(at, 1_GiB + at, kUserData);
    ASSERT_TRUE(machine.mapper.split_block(VirtAddr(va), level)) << "already fine enough";
    EXPECT_EQ(machine.tables.in_use(), 1u + number_of(level) - 1);
  }
}

/// A block that is one of a group leaves the group first.
TEST(SplitBlock, BreaksUpTheGroupOfTheBlock) {
  ArmUser machine;
  ASSERT_TRUE(machine.mapper.map(range(0, 32_MiB), frame(0), kUserData));
  ASSERT_TRUE(machine.leaf_at(0).contiguous);
  ASSERT_TRUE(machine.mapper.split_block(VirtAddr(6_MiB), Level::L3));
  machine.expect_clean();
  for (u64 at = 0; at < 32_MiB; at += 1_MiB) {
    machine.expect_maps(at, at, kUserData);
    EXPECT_FALSE(machine.leaf_at(at).contiguous);
    EXPECT_EQ(machine.leaf_at(at).level, 6_MiB <= at && at < 8_MiB ? 3u : 2u);
  }
}

TEST(SplitBlock, NeedsAMapping) {
  ArmUser machine;
  EXPECT_EQ(machine.mapper.split_block(VirtAddr(5), Level::L3).error(),
            (Error{Errc::not_mapped, 5}));
  EXPECT_EQ(machine.mapper.split_block(VirtAddr(512_GiB), Level::L3).error(),
            (Error{Errc::not_canonical, 512_GiB}));
}

}  // namespace
}  // namespace meridian
