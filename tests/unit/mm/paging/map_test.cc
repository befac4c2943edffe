// SPDX-License-Identifier: MIT
/// Mapping: which words are written, how large the leaves are, and what is refused.
#include <gtest/gtest.h>

#include "machine.h"

namespace meridian {
namespace {

using Arm = Machine<ArmKernel, Sharing::exclusive>;
using Toy = Machine<ToyKernel, Sharing::exclusive>;
constexpr u64 kHalf = ArmKernel::kBase;

VirtRange range(u64 start, u64 size) { return {VirtAddr(start), size}; }
Frame frame(u64 pa) { return Frame(PhysAddr(pa)); }

/// The whole way down for one page of kernel text, word for word. Tables come from 0x4321'0000 on,
/// the root first; a link is the table's address with bits 1:0 set.
TEST(Map, OnePageIsOneDescriptorBelowThreeLinks) {
  Arm machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf + 0x2000, 4_KiB), frame(0x4008'0000), kKernelText));
  machine.expect_clean();

  EXPECT_EQ(machine.tables.in_use(), 4u);
  const auto walk = machine.mapper.walk(VirtAddr(kHalf + 0x2abc));
  ASSERT_EQ(walk.size(), 4u);
  const auto* step = walk.begin();
  EXPECT_EQ(step[0].table, frame(0x4321'0000));
  for (usize i = 0; i < 3; ++i) {
    EXPECT_EQ(step[i].index, 0u);
    EXPECT_EQ(step[i].entry.raw(), step[i + 1].table.address().value() | 3);
  }
  EXPECT_EQ(step[3].index, 2u);
  EXPECT_EQ(step[3].entry.raw(), 0x0040'0000'4008'0783u);
  EXPECT_EQ(walk.why(), WalkEnd::leaf);
  machine.expect_maps(kHalf + 0x2abc, 0x4008'0abc, kKernelText);
}

/// 1 GiB, 2 MiB and 4 KiB leaves in one request, each where both addresses are aligned for it.
TEST(Map, LeavesAreAsLargeAsTheyFit) {
  Arm machine;
  // From 4 KiB below a 2 MiB boundary, itself 2 MiB below a 1 GiB boundary, to as much behind.
  const u64 start = kHalf + 1_GiB - 2_MiB - 4_KiB, pa = 0x8000'0000 + 1_GiB - 2_MiB - 4_KiB;
  const u64 size = 4_KiB + 2_MiB + 2_GiB + 2_MiB + 4_KiB;
  ASSERT_TRUE(machine.mapper.map(range(start, size), frame(pa), kKernelData));
  machine.expect_clean();

  EXPECT_EQ(machine.leaf_at(start).level, 3u);
  EXPECT_EQ(machine.leaf_at(start + 4_KiB).level, 2u);
  EXPECT_EQ(machine.leaf_at(start + 4_KiB + 2_MiB).level, 1u);
  EXPECT_EQ(machine.leaf_at(start + 4_KiB + 2_MiB + 1_GiB).level, 1u);
  EXPECT_EQ(machine.leaf_at(start + 4_KiB + 2_MiB + 2_GiB).level, 2u);
  EXPECT_EQ(machine.leaf_at(start + size - 4_KiB).level, 3u);
  machine.expect_maps(start, pa, kKernelData);
  machine.expect_maps(start + size - 1, pa + size - 1, kKernelData);
  machine.expect_faults(start - 1);
  machine.expect_faults(start + size);
  // The root, one L1 table, an L2 and an L3 table on each side.
  EXPECT_EQ(machine.tables.in_use(), 6u);
}

TEST(Map, NoLeafIsLargerThanAllowed) {
  for (const auto& [largest, level] :
       {std::pair{Level::L1, 1u}, {Level::L2, 2u}, {Level::L3, 3u}}) {
    Toy machine;
    const u64 start = ToyKernel::kBase;
    const MapOptions options{.largest = largest};
    ASSERT_TRUE(machine.mapper.map(range(start, 1_MiB), frame(0x4000'0000), kKernelData, options));
    EXPECT_EQ(machine.leaf_at(start).level, level);
    EXPECT_EQ(machine.leaf_at(start + 1_MiB - 1).level, level);
    machine.expect_clean();
  }
}

/// 512 GiB would fit one L0 entry, where no block may be.
TEST(Map, TheRootOfFourLevelsHoldsNoBlock) {
  Arm machine;
  const MapOptions options{.largest = Level::L0};
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 512_GiB), frame(0), kKernelData, options));
  machine.expect_clean();
  EXPECT_EQ(machine.leaf_at(kHalf).level, 1u);
  EXPECT_EQ(machine.tables.in_use(), 2u);
}

/// The frames are 4 KiB off the addresses, so there is no block and no group anywhere.
TEST(Map, AddressesThatAreAlignedDifferentlyGetPages) {
  Arm machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 4_MiB), frame(0x4000'1000), kKernelData));
  machine.expect_clean();
  for (u64 offset = 0; offset < 4_MiB; offset += 64_KiB) {
    EXPECT_EQ(machine.leaf_at(kHalf + offset).level, 3u);
    EXPECT_FALSE(machine.leaf_at(kHalf + offset).contiguous);
  }
}

/// Pages 3 to 39: the groups are 16..31 only. Blocks 5 to 40: 16..31 as well.
TEST(Map, OnlyWholeAlignedGroupsAreContiguous) {
  for (const u64 span : {4_KiB, 2_MiB}) {
    const u64 first = span == 4_KiB ? 3 : 5, end = span == 4_KiB ? 40 : 41;
    Arm machine;
    ASSERT_TRUE(machine.mapper.map(range(kHalf + first * span, (end - first) * span),
                                   frame(0x8000'0000 + first * span), kKernelData));
    machine.expect_clean();
    for (u64 i = first; i < end; ++i) {
      EXPECT_EQ(machine.leaf_at(kHalf + i * span).contiguous, 16 <= i && i < 32) << i;
      machine.expect_maps(kHalf + i * span, 0x8000'0000 + i * span, kKernelData);
    }
  }
}

TEST(Map, TheContiguousHintCanBeDeclined) {
  Arm machine;
  const MapOptions options{.contiguous_hint = false};
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 64_KiB), frame(0x4000'0000), kKernelData, options));
  EXPECT_FALSE(machine.leaf_at(kHalf).contiguous);
}

/// Whether a group is one is the mapper's knowledge; an attribute that says so is not believed.
TEST(Map, TheContiguousAttributeIsNotTheCallers) {
  Attributes attributes = kKernelData;
  attributes.contiguous = true;
  const Frame scattered[] = {frame(0x4000'0000), frame(0x4000'2000)};
  Arm machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 8_KiB), frame(0x4000'0000), attributes));
  ASSERT_TRUE(machine.mapper.map_pages(VirtAddr(kHalf + 64_KiB), scattered, attributes));
  machine.expect_clean();
  EXPECT_FALSE(machine.leaf_at(kHalf).contiguous);
  EXPECT_FALSE(machine.leaf_at(kHalf + 64_KiB).contiguous);
}

/// The same engine, another format: 1 MiB, 64 KiB and 4 KiB leaves, groups of two and four.
TEST(Map, AnotherFormatsLeavesAreUsedTheSameWay) {
  Toy machine;
  const u64 base = ToyKernel::kBase, start = base + 1_MiB - 64_KiB - 20_KiB;
  const u64 size = 20_KiB + 64_KiB + 1_MiB + 128_KiB + 4_KiB;
  ASSERT_TRUE(machine.mapper.map(range(start, size), frame(2_MiB - 64_KiB - 20_KiB), kKernelData));
  machine.expect_clean();

  const struct {
    u64 offset;
    unsigned level;
    bool contiguous;
  } expected[] = {{0, 3, false},
                  {4_KiB, 3, true},
                  {20_KiB - 1, 3, true},
                  {20_KiB, 2, false},  // the second of a pair
                  {84_KiB, 1, false},
                  {84_KiB + 1_MiB, 2, true},
                  {84_KiB + 1_MiB + 64_KiB, 2, true},
                  {84_KiB + 1_MiB + 128_KiB, 3, false}};
  for (const auto& leaf : expected) {
    EXPECT_EQ(machine.leaf_at(start + leaf.offset).level, leaf.level) << leaf.offset;
    EXPECT_EQ(machine.leaf_at(start + leaf.offset).contiguous, leaf.contiguous) << leaf.offset;
  }
}

/// The walk of a small half starts further down, and its root may be short: 25 bits are an L2 root
/// with 16 entries.
TEST(Map, SmallHalvesHaveFewerLevels) {
  using Format = arch::Vmsa;
  const Format::Geometry geometry(arch::Half::low, 25);
  FakeTables<Format::Entry> tables(8);
  const model::VmsaDecoder decoder(false, 25);
  model::ModelMmu mmu(tables, decoder);
  const Frame root = tables.new_root();
  mmu.add_space(root.address().value(), 5);
  const model::ModelTlb tlb(mmu, model::ModelMmu::Reach::one_asid, 5);
  Mapper<Format, decltype(tables), model::ModelTlb> mapper(root, geometry, tables, tlb);

  EXPECT_EQ(mapper.half(), range(0, 32_MiB));
  ASSERT_TRUE(mapper.map(range(32_MiB - 4_KiB, 4_KiB), frame(0x1000), kUserData));
  mmu.end_operation();
  EXPECT_TRUE(mmu.reports().empty()) << mmu.text();
  EXPECT_TRUE(mmu.outcomes(5, 32_MiB - 1).is_just(0x1fff));
  EXPECT_EQ(tables.in_use(), 2u);
  EXPECT_EQ(mapper.walk(VirtAddr(32_MiB)).why(), WalkEnd::outside_half);
}

/// Every combination of attributes grants what it says, as the model reads it.
template <typename Space>
void every_attribute_reaches_the_descriptor() {
  Machine<Space, Sharing::exclusive> machine;
  u64 va = Space::kBase;
  for (unsigned bits = 0; bits < 128; ++bits) {
    const Attributes attributes{.type = static_cast<MemoryType>(bits & 3),
                                .user = (bits & 4) != 0,
                                .write = (bits & 8) != 0,
                                .execute = (bits & 16) != 0,
                                .global = (bits & 32) != 0,
                                .accessed = (bits & 64) != 0};
    ASSERT_TRUE(machine.mapper.map(range(va, 4_KiB), frame(0x4000'0000), attributes));
    const Attributes read = machine.mapper.translate(VirtAddr(va)).take().attributes;
    EXPECT_EQ(read, attributes);
    if (attributes.accessed)
      machine.expect_maps(va, 0x4000'0000, attributes);
    else
      machine.expect_faults(va);  // the access flag
    va += 4_KiB;
  }
  machine.expect_clean();
}
TEST(Map, EveryAttributeReachesTheDescriptor) {
  every_attribute_reaches_the_descriptor<ArmKernel>();
  every_attribute_reaches_the_descriptor<ArmUser39>();
  every_attribute_reaches_the_descriptor<ToyKernel>();
  every_attribute_reaches_the_descriptor<ToyUser>();
}

/// Sixteen frames in a row and aligned become a group, whichever call brings them; the others stay
/// alone.
TEST(MapPages, RunsOfFramesAmongScatteredOnesAreFound) {
  std::vector<Frame> frames;
  for (u64 i = 0; i < 16; ++i) frames.push_back(frame(0x4000'0000 + i * 4_KiB));  // a group
  for (u64 i = 0; i < 16; ++i) frames.push_back(frame(0x5000'1000 + i * 4_KiB));  // misaligned
  for (u64 i = 0; i < 16; ++i) frames.push_back(frame(0x6000'0000 + (i ^ 1) * 4_KiB));  // shuffled
  for (u64 i = 0; i < 16; ++i) frames.push_back(frame(0x7000'0000 + i * 4_KiB));        // a group
  for (u64 i = 0; i < 9; ++i) frames.push_back(frame(0x7100'0000 + i * 4_KiB));         // cut off
  Arm machine;
  ASSERT_TRUE(machine.mapper.map_pages(VirtAddr(kHalf), frames, kKernelData));
  machine.expect_clean();
  for (usize i = 0; i < frames.size(); ++i) {
    const u64 va = kHalf + i * 4_KiB;
    machine.expect_maps(va, frames[i].address().value(), kKernelData);
    EXPECT_EQ(machine.leaf_at(va).contiguous, i < 16 || (48 <= i && i < 64)) << i;
  }
}

/// Ends of the frames look like a run, the middle is not.
TEST(MapPages, AGroupIsBelievedOnlyAfterLookingAtEachFrame) {
  std::vector<Frame> frames;
  for (u64 i = 0; i < 16; ++i) frames.push_back(frame(0x4000'0000 + i * 4_KiB));
  std::swap(frames[7], frames[8]);
  Arm machine;
  ASSERT_TRUE(machine.mapper.map_pages(VirtAddr(kHalf), frames, kKernelData));
  machine.expect_clean();
  EXPECT_FALSE(machine.leaf_at(kHalf).contiguous);
}

/// 1100 frames in a row: three last-level tables, filled in one call.
TEST(MapPages, CrossesTables) {
  std::vector<Frame> frames;
  for (u64 i = 0; i < 1100; ++i) frames.push_back(frame(0x4000'0000 + (i ^ 2) * 4_KiB));
  Arm machine;
  const u64 start = kHalf + 1_GiB - 20_KiB;
  ASSERT_TRUE(machine.mapper.map_pages(VirtAddr(start), frames, kKernelData));
  machine.expect_clean();
  for (u64 i = 0; i < 1100; ++i)
    machine.expect_maps(start + i * 4_KiB, 0x4000'0000 + (i ^ 2) * 4_KiB, kKernelData);
  machine.expect_faults(start - 1);
  machine.expect_faults(start + 1100 * 4_KiB);
}

/// One page is taken somewhere in the way of each of these; the error names it and nothing has
/// changed.
TEST(Map, WhatIsMappedAlreadyIsNamedAndStays) {
  const u64 taken = kHalf + 1_GiB + 4_MiB + 12_KiB;
  const VirtRange requests[] = {range(taken, 4_KiB), range(taken - 4_KiB, 12_KiB),
                                range(kHalf + 1_GiB, 2_GiB), range(kHalf, 3_GiB),
                                range(kHalf + 1_GiB + 2_MiB, 4_MiB)};
  for (const VirtRange request : requests) {
    Arm machine;
    ASSERT_TRUE(machine.mapper.map(range(taken, 4_KiB), frame(0x1000), kKernelRodata));
    const usize tables = machine.tables.in_use();

    const Result<void> mapped = machine.mapper.map(request, frame(0x4000'0000), kKernelData);

    ASSERT_FALSE(mapped.has_value());
    EXPECT_EQ(mapped.error(), (Error{Errc::already_mapped, taken}));
    EXPECT_EQ(machine.tables.in_use(), tables);
    machine.expect_clean();
    machine.expect_maps(taken, 0x1000, kKernelRodata);
    machine.expect_faults(request.start() == VirtAddr(taken) ? taken - 1 : request.start().value());
    machine.expect_faults(taken + 4_KiB);
  }
}

/// A page inside a block that exists: the block is not split for it.
TEST(Map, ABlockInTheWayIsNamedByTheAddressThatMeetsIt) {
  Arm machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf + 2_MiB, 2_MiB), frame(2_MiB), kKernelData));
  const u64 inside = kHalf + 2_MiB + 0x5000;
  EXPECT_EQ(machine.mapper.map(range(inside, 4_KiB), frame(0), kKernelData).error(),
            (Error{Errc::already_mapped, inside}));
  EXPECT_EQ(machine.mapper.map(range(kHalf, 4_MiB), frame(4_MiB), kKernelData).error(),
            (Error{Errc::already_mapped, kHalf + 2_MiB}));
  const Frame frames[] = {frame(0), frame(0x9000)};
  EXPECT_EQ(machine.mapper.map_pages(VirtAddr(inside), frames, kKernelData).error(),
            (Error{Errc::already_mapped, inside}));
  machine.expect_clean();
}

/// Both halves to the last byte: the very top of the address space has no end address.
TEST(Map, TheLastPageOfTheAddressSpaceCanBeMapped) {
  Arm machine;
  ASSERT_TRUE(machine.mapper.map(range(~u64{0} - 4_MiB + 1, 4_MiB), frame(4_MiB), kKernelData));
  machine.expect_clean();
  machine.expect_maps(~u64{0}, 8_MiB - 1, kKernelData);
  EXPECT_EQ(machine.leaf_at(~u64{0}).level, 2u);
  machine.mapper.unmap(range(~u64{0} - 4_MiB + 1, 4_MiB)).flush();
  machine.expect_clean();
  machine.expect_faults(~u64{0});
}

/// The last frame that 48 bits can address, and the first that they cannot.
TEST(Map, FramesBeyondTheFormatAreTooLarge) {
  Arm machine;
  const u64 limit = u64{1} << 48;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 64_KiB), frame(limit - 64_KiB), kKernelData));
  machine.expect_maps(kHalf + 64_KiB - 1, limit - 1, kKernelData);
  const u64 beside = kHalf + 1_GiB;
  EXPECT_EQ(machine.mapper.map(range(beside, 8_KiB), frame(limit - 4_KiB), kKernelData).error(),
            (Error{Errc::too_large, limit - 4_KiB}));
  EXPECT_EQ(machine.mapper.map(range(beside, 4_KiB), frame(limit), kKernelData).error().code,
            Errc::too_large);
  const Frame frames[] = {frame(0), frame(limit)};
  EXPECT_EQ(machine.mapper.map_pages(VirtAddr(beside), frames, kKernelData).error().code,
            Errc::too_large);
  machine.expect_clean();
  machine.expect_faults(beside);
}

/// In a space that several CPUs share, a block must not take the place of a table, even an empty
/// one.
TEST(Map, ATableThatStaysIsUsedAgain) {
  Machine<ArmKernel, Sharing::shared> machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 4_KiB), frame(0x1000), kKernelData));
  machine.mapper.unmap(range(kHalf, 4_KiB)).flush();
  EXPECT_EQ(machine.tables.in_use(), 4u);
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 4_MiB), frame(0x4000'0000), kKernelData));
  machine.expect_clean();
  EXPECT_EQ(machine.leaf_at(kHalf).level, 3u);
  EXPECT_TRUE(machine.leaf_at(kHalf).contiguous);
  EXPECT_EQ(machine.leaf_at(kHalf + 2_MiB).level, 2u);
  EXPECT_EQ(machine.tables.in_use(), 4u);
}

TEST(Translate, TellsTheByteItsRightsAndItsLeaf) {
  Arm machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 1_GiB + 2_MiB + 4_KiB), frame(0), kKernelData));
  const struct {
    u64 offset;
    Level level;
    u64 size;
  } expected[] = {{0x1234'5678, Level::L1, 1_GiB},
                  {1_GiB + 0x12345, Level::L2, 2_MiB},
                  {1_GiB + 2_MiB + 0x123, Level::L3, 4_KiB}};
  for (const auto& e : expected) {
    const Translation found = machine.mapper.translate(VirtAddr(kHalf + e.offset)).take();
    EXPECT_EQ(found.pa, PhysAddr(e.offset));
    EXPECT_EQ(found.level, e.level);
    EXPECT_EQ(found.size, e.size);
    EXPECT_TRUE(found.attributes.write);
    EXPECT_EQ(machine.mapper.physical(VirtAddr(kHalf + e.offset)).take(), PhysAddr(e.offset));
  }
}

TEST(Translate, SaysWhyThereIsNothing) {
  Arm machine;
  for (const u64 va : {kHalf, kHalf + 1_GiB, ~u64{0}}) {
    EXPECT_EQ(machine.mapper.translate(VirtAddr(va)).error(), (Error{Errc::not_mapped, va}));
    EXPECT_EQ(machine.mapper.physical(VirtAddr(va)).error(), (Error{Errc::not_mapped, va}));
  }
  for (const u64 va : {u64{0}, kHalf - 1, u64{1} << 48}) {
    EXPECT_EQ(machine.mapper.translate(VirtAddr(va)).error(), (Error{Errc::not_canonical, va}));
    EXPECT_EQ(machine.mapper.physical(VirtAddr(va)).error(), (Error{Errc::not_canonical, va}));
  }
}

TEST(Walk, EndsWhereTheMmuWould) {
  Arm machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 2_MiB + 4_KiB), frame(0), kKernelData));
  const auto block = machine.mapper.walk(VirtAddr(kHalf + 0x1234));
  EXPECT_EQ(block.why(), WalkEnd::leaf);
  EXPECT_EQ(block.size(), 3u);
  EXPECT_EQ(block.last().level, Level::L2);
  EXPECT_EQ(block.last().kind(), Kind::leaf);

  const auto page = machine.mapper.walk(VirtAddr(kHalf + 2_MiB + 4_KiB));
  EXPECT_EQ(page.why(), WalkEnd::invalid);
  EXPECT_EQ(page.size(), 4u);
  EXPECT_EQ(page.last().index, 1u);
  EXPECT_EQ(page.last().kind(), Kind::invalid);

  const auto empty = machine.mapper.walk(VirtAddr(kHalf + 512_GiB));
  EXPECT_EQ(empty.why(), WalkEnd::invalid);
  EXPECT_EQ(empty.size(), 1u);
  EXPECT_EQ(empty.last().index, 1u);

  const auto hole = machine.mapper.walk(VirtAddr(kHalf - 1));
  EXPECT_EQ(hole.why(), WalkEnd::outside_half);
  EXPECT_EQ(hole.begin(), hole.end());
  EXPECT_THROW(hole.last(), std::logic_error);
}

}  // namespace
}  // namespace meridian
