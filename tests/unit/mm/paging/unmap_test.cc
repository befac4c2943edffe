// SPDX-License-Identifier: MIT
/// Unmapping: what is freed and when, what happens to neighbours, and what the gather owes.
#include <gtest/gtest.h>

#include "machine.h"

namespace meridian {
namespace {

using ArmUser = Machine<ArmUser39, Sharing::exclusive>;
using ArmShared = Machine<ArmKernel, Sharing::shared>;
constexpr u64 kHalf = ArmKernel::kBase;

VirtRange range(u64 start, u64 size) { return {VirtAddr(start), size}; }
Frame frame(u64 pa) { return Frame(PhysAddr(pa)); }

/// Tlb calls as text, in order; the engine sees nothing behind it.
class RecordingTlb {
 public:
  explicit RecordingTlb(std::string& log) : log_(&log) {}
  void publish() { *log_ += "publish "; }
  void invalidate(VirtAddr va, u64 size, u64 stride, TlbScope scope) {
    BufferWriter<96> text;
    print(text, "{:x}+{}/{}{} ", va.value(), Bytes{size}, Bytes{stride},
          scope == TlbScope::all_levels ? "*" : "");
    *log_ += text.text();
  }
  void invalidate_all() { *log_ += "all "; }
  void finish() { *log_ += "finish "; }

 private:
  std::string* log_;
};

TEST(Unmap, NothingIsInvalidOnOtherCpusBeforeTheFlush) {
  ArmUser machine;
  ASSERT_TRUE(machine.mapper.map(range(0, 8_KiB), frame(0x1000), kUserData));
  {
    const auto gather = machine.mapper.unmap(range(0, 4_KiB));
    EXPECT_FALSE(gather.is_empty());
    EXPECT_FALSE(machine.mmu.outcomes(machine.kAsid, 0).is_fault());
    EXPECT_FALSE(machine.mapper.translate(VirtAddr(0)).has_value());
  }
  machine.expect_clean();
  machine.expect_faults(0);
  machine.expect_maps(4_KiB, 0x2000, kUserData);
}

/// The last page of a table takes the table along, and the ones above that lead only to it.
TEST(Unmap, EmptyTablesGoBackAfterTheFlush) {
  ArmUser machine;
  ASSERT_TRUE(machine.mapper.map(range(0, 4_KiB), frame(0), kUserData));
  ASSERT_TRUE(machine.mapper.map(range(2_MiB, 8_KiB), frame(0), kUserData));
  ASSERT_TRUE(machine.mapper.map(range(5_GiB, 4_KiB), frame(0), kUserData));
  EXPECT_EQ(machine.tables.in_use(), 1u + 2 + 1 + 2);  // L1; L2, L3; another L3; L2, L3
  {
    const auto gather = machine.mapper.unmap(range(5_GiB, 4_KiB));
    EXPECT_EQ(machine.tables.in_use(), 6u);
  }
  EXPECT_EQ(machine.tables.in_use(), 4u);
  machine.mapper.unmap(range(2_MiB, 4_KiB)).flush();
  EXPECT_EQ(machine.tables.in_use(), 4u) << "its neighbour is in use";
  machine.mapper.unmap(range(2_MiB, 8_KiB)).flush();
  EXPECT_EQ(machine.tables.in_use(), 3u);
  machine.mapper.unmap(range(0, 1_GiB)).flush();
  EXPECT_EQ(machine.tables.in_use(), 1u);
  machine.expect_clean();
}

/// In a shared space another CPU may be about to use the table.
TEST(Unmap, SharedSpacesKeepTheirTables) {
  ArmShared machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 4_KiB), frame(0), kKernelData));
  machine.mapper.unmap(range(kHalf, 4_KiB)).flush();
  machine.expect_clean();
  EXPECT_EQ(machine.tables.in_use(), 4u);
  machine.expect_faults(kHalf);
}

/// One page in each of 40 tables: more tables than a gather holds, so it pays in between.
TEST(Unmap, MoreTablesThanTheGatherHoldsAreFreedToo) {
  ArmUser machine(100);
  for (u64 i = 0; i < 40; ++i)
    ASSERT_TRUE(machine.mapper.map(range(i * 2_MiB + 4_KiB, 4_KiB), frame(0), kUserData));
  ASSERT_EQ(machine.tables.in_use(), 42u);
  machine.mapper.unmap(range(0, 1_GiB)).flush();
  machine.expect_clean();
  EXPECT_EQ(machine.tables.in_use(), 1u);
}

TEST(Unmap, HolesAreSkipped) {
  ArmUser machine;
  ASSERT_TRUE(machine.mapper.map(range(4_KiB, 4_KiB), frame(0), kUserData));
  ASSERT_TRUE(machine.mapper.map(range(1_GiB, 2_MiB), frame(0), kUserData));
  ASSERT_TRUE(machine.mapper.map(range(3_GiB, 2_GiB), frame(0), kUserData));
  machine.mapper.unmap(range(0, 512_GiB)).flush();
  machine.expect_clean();
  EXPECT_EQ(machine.tables.in_use(), 1u);
  for (const u64 va : {4_KiB, 1_GiB, 3_GiB, 5_GiB - 1}) machine.expect_faults(va);
  machine.mapper.unmap(range(0, 512_GiB)).flush();  // nothing left
  machine.expect_clean();
}

/// Pages 5 to 20 of a mapping that has groups 0..15 and 16..31: both lose their contiguous bit, by
/// break-before-make, and their other pages stay.
TEST(Unmap, CutGroupsLoseTheBitAndKeepTheirOtherPages) {
  ArmShared machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 192_KiB), frame(0), kKernelData));
  machine.mapper.unmap(range(kHalf + 5 * 4_KiB, 16 * 4_KiB)).flush();
  machine.expect_clean();
  for (u64 i = 0; i < 48; ++i) {
    const u64 va = kHalf + i * 4_KiB;
    if (5 <= i && i < 21) {
      machine.expect_faults(va);
    } else {
      machine.expect_maps(va, i * 4_KiB, kKernelData);
      EXPECT_EQ(machine.leaf_at(va).contiguous, i >= 32) << i;
    }
  }
}

/// The same for a range within one group, and for 2 MiB blocks.
TEST(Unmap, AHoleInTheMiddleOfAGroup) {
  for (const u64 span : {4_KiB, 2_MiB}) {
    ArmShared machine;
    ASSERT_TRUE(machine.mapper.map(range(kHalf, 16 * span), frame(0), kKernelData));
    ASSERT_TRUE(machine.leaf_at(kHalf).contiguous);
    machine.mapper.unmap(range(kHalf + 7 * span, 2 * span)).flush();
    machine.expect_clean();
    for (u64 i = 0; i < 16; ++i) {
      if (i == 7 || i == 8)
        machine.expect_faults(kHalf + i * span);
      else
        machine.expect_maps(kHalf + i * span, i * span, kKernelData);
    }
  }
}

/// unmap() itself never needs a table; cutting a block is for split_and_unmap().
TEST(Unmap, ABlockMustNotBeCut) {
  ArmUser machine;
  ASSERT_TRUE(machine.mapper.map(range(0, 4_MiB), frame(0), kUserData));
  EXPECT_THROW((void)machine.mapper.unmap(range(0, 4_KiB)), std::logic_error);
  EXPECT_THROW((void)machine.mapper.unmap(range(2_MiB - 4_KiB, 4_KiB)), std::logic_error);
  EXPECT_THROW((void)machine.mapper.unmap(range(0, 2_MiB + 4_KiB)), std::logic_error);
  EXPECT_THROW((void)machine.mapper.unmap_leaves(range(1_MiB, 1_MiB)), std::logic_error);
  machine.expect_maps(0, 0, kUserData);
  machine.expect_maps(4_MiB - 1, 4_MiB - 1, kUserData);
}

TEST(Unmap, RangesThatAreNoneFailACheck) {
  ArmUser machine;
  for (const VirtRange bad : {range(0, 0), range(1, 4_KiB), range(0, 1), range(512_GiB, 4_KiB),
                              range(512_GiB - 4_KiB, 8_KiB), range(~u64{0} - 4095, 8_KiB)}) {
    EXPECT_THROW((void)machine.mapper.unmap(bad), std::logic_error);
    EXPECT_THROW((void)machine.mapper.unmap_leaves(bad), std::logic_error);
    EXPECT_FALSE(machine.mapper.split_and_unmap(bad).has_value());
  }
}

/// One page out of a 1 GiB block in a group of its own: two splits, and everything else stays
/// mapped.
TEST(SplitAndUnmap, CutsAsLittleAsItCan) {
  ArmUser machine;
  ASSERT_TRUE(machine.mapper.map(range(1_GiB, 1_GiB), frame(0), kUserData));
  machine.mapper.split_and_unmap(range(1_GiB + 5_MiB, 4_KiB)).take().flush();
  machine.expect_clean();
  machine.expect_faults(1_GiB + 5_MiB);
  machine.expect_maps(1_GiB + 5_MiB - 1, 5_MiB - 1, kUserData);
  machine.expect_maps(1_GiB + 5_MiB + 4_KiB, 5_MiB + 4_KiB, kUserData);
  EXPECT_EQ(machine.leaf_at(1_GiB + 4_MiB).level, 3u);
  EXPECT_EQ(machine.leaf_at(1_GiB + 6_MiB).level, 2u);
  EXPECT_EQ(machine.tables.in_use(), 3u);
}

/// Start and end in the same 2 MiB block, in two blocks of one 1 GiB block, in two 1 GiB blocks:
/// the tables are counted exactly, so one fewer is too few and that many are enough.
TEST(SplitAndUnmap, TakesNoMoreTablesThanItNeeds) {
  const struct {
    u64 start, end;
    u64 tables;
  } cuts[] = {{4_KiB, 8_KiB, 2},
              {4_KiB, 4_MiB, 2},
              {4_KiB, 4_MiB + 4_KiB, 3},
              {2_MiB, 4_MiB, 1},
              {0, 4_KiB, 2},
              {4_KiB, 1_GiB, 2},
              {1_GiB - 4_KiB, 1_GiB + 4_KiB, 4},
              {2_MiB, 1_GiB + 4_KiB, 3},
              {0, 2_GiB, 0},
              {1_GiB + 4_KiB, 2_GiB, 2}};
  for (const auto& cut : cuts) {
    SCOPED_TRACE(testing::Message() << std::hex << cut.start << " to " << cut.end);
    for (const bool enough : {false, true}) {
      if (!enough && cut.tables == 0) continue;
      // Room for the root, the tables for the cut, or one fewer.
      ArmUser machine(1 + cut.tables - (enough ? 0 : 1));
      ASSERT_TRUE(machine.mapper.map(range(0, 2_GiB), frame(0), kUserData));
      auto unmapped = machine.mapper.split_and_unmap(range(cut.start, cut.end - cut.start));
      EXPECT_EQ(unmapped.has_value(), enough);
      if (unmapped.has_value()) unmapped.value().flush();
      machine.expect_clean();
      if (enough)
        machine.expect_faults(cut.start);
      else
        machine.expect_maps(cut.start, cut.start, kUserData);
    }
  }
}

/// The frames come back after the flush, each once, runs joined.
TEST(Unmap, LeafFramesAreReleasedAfterTheFlush) {
  ArmUser machine;
  std::vector<FrameRange> released;
  const LeafRelease release{[](void* context, FrameRange frames) {
                              static_cast<std::vector<FrameRange>*>(context)->push_back(frames);
                            },
                            &released};
  ASSERT_TRUE(machine.mapper.map(range(0, 12_KiB), frame(0x1000), kUserData));
  ASSERT_TRUE(machine.mapper.map(range(64_KiB, 4_KiB), frame(0x9000), kUserData));
  ASSERT_TRUE(machine.mapper.map(range(2_MiB, 2_MiB), frame(2_MiB), kUserData));
  {
    const auto gather = machine.mapper.unmap(range(0, 4_MiB), release);
    EXPECT_TRUE(released.empty());
  }
  machine.expect_clean();
  const std::vector<FrameRange> expected{
      {frame(0x1000), 3}, {frame(0x9000), 1}, {frame(2_MiB), 512}};
  EXPECT_EQ(released, expected);
}

/// 400 scattered frames are more than a gather holds: it pays early, and at no time is a frame
/// released that the TLB still knows.
TEST(Unmap, NoLeafIsReleasedWhileACpuMayUseIt) {
  struct Watch {
    ArmUser machine;
    std::map<u64, u64> va_of;  // by physical address
  } watch;
  std::vector<Frame> frames;
  for (u64 i = 0; i < 400; ++i) {
    frames.push_back(frame((i * 37 % 1000 + 1) * 8_KiB));
    watch.va_of[frames.back().address().value()] = i * 4_KiB;
  }
  ASSERT_TRUE(watch.machine.mapper.map_pages(VirtAddr(0), frames, kUserData));
  const LeafRelease release{
      [](void* context, FrameRange freed) {
        auto& w = *static_cast<Watch*>(context);
        for (u64 i = 0; i < freed.count; ++i) {
          const auto found = w.va_of.find((freed.first + i).address().value());
          ASSERT_NE(found, w.va_of.end()) << "released twice, or never mapped";
          EXPECT_TRUE(w.machine.mmu.outcomes(w.machine.kAsid, found->second).is_fault());
          w.va_of.erase(found);
        }
      },
      &watch};
  watch.machine.mapper.unmap(range(0, 400 * 4_KiB), release).flush();
  EXPECT_TRUE(watch.va_of.empty());
  watch.machine.expect_clean();
}

/// vmalloc's way: clear now, invalidate many at once later.
TEST(UnmapLeaves, LeavesTheInvalidationToTheCaller) {
  ArmShared machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 4_MiB + 8_KiB), frame(0), kKernelData));
  const StaleRange pages = machine.mapper.unmap_leaves(range(kHalf + 4_MiB, 8_KiB));
  const StaleRange blocks = machine.mapper.unmap_leaves(range(kHalf, 4_MiB));
  machine.mmu.end_deferred_operation();
  EXPECT_EQ(pages.range, range(kHalf + 4_MiB, 8_KiB));
  EXPECT_EQ(pages.stride, 4_KiB);
  EXPECT_EQ(blocks.stride, 2_MiB);
  EXPECT_FALSE(machine.mapper.translate(VirtAddr(kHalf)).has_value());
  EXPECT_FALSE(machine.mmu.outcomes(0, kHalf).is_fault()) << "a CPU may still use it";

  auto tlb = machine.tlb();
  tlb.publish();
  for (const StaleRange& stale : {pages, blocks})
    tlb.invalidate(stale.range.start(), stale.range.size(), stale.stride, StaleRange::kScope);
  tlb.finish();
  machine.expect_clean();
  machine.expect_faults(kHalf);
  machine.expect_faults(kHalf + 4_MiB + 4_KiB);
}

/// Leaves of several sizes in one range: the stride is that of the smallest.
TEST(UnmapLeaves, TheStrideIsTheSmallestLeafs) {
  ArmShared machine;
  ASSERT_TRUE(machine.mapper.map(range(kHalf, 1_GiB + 2_MiB + 4_KiB), frame(0), kKernelData));
  const StaleRange stale = machine.mapper.unmap_leaves(range(kHalf, 1_GiB + 2_MiB + 4_KiB));
  EXPECT_EQ(stale.stride, 4_KiB);
  EXPECT_EQ(machine.tables.in_use(), 4u);
}

/// A whole space at once, without the TLB: its ASID is dead already.
TEST(ReleaseTables, FreesAllButTheRoot) {
  ArmUser machine(100);
  for (u64 i = 0; i < 20; ++i)
    ASSERT_TRUE(
        machine.mapper.map(range(i * 3_GiB + i * 6_MiB, 2_MiB + 4_KiB), frame(0), kUserData));
  machine.expect_clean();
  machine.mmu.retire_space(machine.kAsid);
  machine.mapper.release_tables();
  EXPECT_EQ(machine.tables.in_use(), 1u);
  for (usize i = 0; i < 512; ++i) EXPECT_EQ(machine.tables.entries(machine.root)[i].raw(), 0u);
  EXPECT_TRUE(machine.mmu.reports().empty()) << machine.mmu.text();
  machine.mapper.release_tables();  // nothing left to free
  EXPECT_EQ(machine.tables.in_use(), 1u);
}

class GatherTest : public testing::Test {
 protected:
  using TheGather = Gather<FakeTables<u64>, RecordingTlb>;
  static void count(void* context, FrameRange frames) {
    *static_cast<u64*>(context) += frames.count;
  }

  TheGather gather() { return TheGather(tables_, RecordingTlb(log_), {count, &released_}); }

  FakeTables<u64> tables_{40};
  std::string log_;
  u64 released_ = 0;
};

TEST_F(GatherTest, OwesNothingWhenNothingWasUnmapped) {
  { const TheGather empty = gather(); }
  EXPECT_EQ(log_, "");
}

/// Neighbours become one range; another stride or a gap begins a new one.
TEST_F(GatherTest, NeighboursAreOneRange) {
  {
    TheGather owed = gather();
    owed.invalidate(VirtAddr(0x1000), 8_KiB, 4_KiB);
    owed.invalidate(VirtAddr(0x3000), 4_KiB, 4_KiB);
    owed.invalidate(VirtAddr(0x2000), 4_KiB, 4_KiB);  // known already
    owed.invalidate(VirtAddr(0x20'0000), 4_MiB, 2_MiB);
  }
  EXPECT_EQ(log_, "publish 1000+12K/4K 200000+4M/2M finish ");
}

/// A page inside a block's range: the block's own invalidations name one address in 2 MiB, and need
/// not be this one.
TEST_F(GatherTest, ACoarserRangeDoesNotCoverAFinerOne) {
  {
    TheGather owed = gather();
    owed.invalidate(VirtAddr(0x20'0000), 4_MiB, 2_MiB);
    owed.invalidate(VirtAddr(0x20'3000), 4_KiB, 4_KiB);
    owed.invalidate(VirtAddr(0x20'3000), 4_KiB, 4_KiB);
  }
  EXPECT_EQ(log_, "publish 200000+4M/2M 203000+4K/4K finish ");
}

TEST_F(GatherTest, ManyRangesBecomeEverything) {
  {
    TheGather owed = gather();
    for (u64 i = 0; i < 5; ++i) owed.invalidate(VirtAddr(i * 0x10000), 4_KiB, 4_KiB);
  }
  EXPECT_EQ(log_, "publish all finish ");
}

TEST_F(GatherTest, ALongRangeBecomesEverything) {
  {
    TheGather owed = gather();
    owed.invalidate(VirtAddr(0), 128 * 4_KiB, 4_KiB);
  }
  EXPECT_EQ(log_, "publish 0+512K/4K finish ");
  log_.clear();
  {
    TheGather owed = gather();
    owed.invalidate(VirtAddr(0), 129 * 4_KiB, 4_KiB);
  }
  EXPECT_EQ(log_, "publish all finish ");
}

/// The link to the table may be cached even if no page below it is in the gather.
TEST_F(GatherTest, AnUnlinkedTableWidensTheScope) {
  {
    TheGather owed = gather();
    owed.unlink(tables_.allocate_table().take(), VirtAddr(0x5000));
    EXPECT_EQ(tables_.in_use(), 1u);
  }
  EXPECT_EQ(log_, "publish 5000+4K/4K* finish ");
  EXPECT_EQ(tables_.in_use(), 0u);
}

TEST_F(GatherTest, MovesWithItsDebts) {
  TheGather last = gather();
  {
    TheGather first = gather();
    first.invalidate(VirtAddr(0x1000), 4_KiB, 4_KiB);
    first.release({Frame(), 3});
    first.unlink(tables_.allocate_table().take(), VirtAddr(0x1000));
    TheGather second(std::move(first));
    EXPECT_TRUE(first.is_empty());
    last.invalidate(VirtAddr(0), 4_KiB, 4_KiB);
    last.merge(std::move(second));
  }
  EXPECT_EQ(log_, "");
  last.flush();
  EXPECT_EQ(log_, "publish 0+8K/4K* finish ");
  EXPECT_EQ(released_, 3u);
  EXPECT_EQ(tables_.in_use(), 0u);
  last.flush();
  EXPECT_EQ(log_, "publish 0+8K/4K* finish ") << "paid once";
}

/// More tables and leaves than fit: the sum is right and the order holds each time.
TEST_F(GatherTest, PaysEarlyWhenItIsFull) {
  {
    TheGather one = gather(), other = gather();
    for (u64 i = 0; i < 30; ++i) {
      TheGather& owed = i % 2 == 0 ? one : other;
      owed.invalidate(VirtAddr(i * 4_KiB), 4_KiB, 4_KiB);
      owed.unlink(tables_.allocate_table().take(), VirtAddr(i * 4_KiB));
      for (u64 f = 0; f < 3; ++f) owed.release({Frame::from_number(i * 100 + f * 10), 2});
    }
    one.merge(std::move(other));
  }
  EXPECT_EQ(tables_.in_use(), 0u);
  EXPECT_EQ(released_, 30u * 3 * 2);
}

}  // namespace
}  // namespace meridian
