// SPDX-License-Identifier: MIT
/// The linear map: the subtraction, its plan, and the tables that make it true, judged by the model
/// MMU.
#include "mm/kernel/linear_map.h"

#include <arch/paging.h>
#include <gtest/gtest.h>

#include "fake_tables.h"
#include "mm/kernel/linear_map_build.h"
#include "mm/layout/arm64.h"
#include "model_decoders.h"
#include "model_mmu.h"
#include "tally.h"

namespace meridian {
namespace {

constexpr u64 kStart = 0xffff'0000'0000'0000;
constexpr LinearMap kMap(VirtAddr(kStart), PhysAddr(0x4000'0000), 512_MiB);

TEST(LinearMap, IsOneSubtractionBothWays) {
  EXPECT_EQ(kMap.to_virt(PhysAddr(0x4000'0000)).value().value(), kStart);
  EXPECT_EQ(kMap.to_virt(PhysAddr(0x5fff'ffff)).value().value(), 0xffff'0000'1fff'ffff);
  EXPECT_EQ(kMap.to_phys(VirtAddr(0xffff'0000'0123'4567)).value().value(), 0x4123'4567u);
  EXPECT_EQ(kMap.offset(), 0xfffe'ffff'c000'0000);
  EXPECT_EQ(kMap.phys(), PhysRange(PhysAddr(0x4000'0000), 512_MiB));
  EXPECT_EQ(kMap.virt(), VirtRange(VirtAddr(kStart), 512_MiB));
}

/// What is not in it is refused by name, in both directions, with the address.
TEST(LinearMap, RefusesEverythingElse) {
  for (const u64 pa : {u64{0}, u64{0x3fff'ffff}, u64{0x6000'0000}, u64{1} << 47, ~u64{0}}) {
    EXPECT_EQ(kMap.to_virt(PhysAddr(pa)).error(), (Error{Errc::not_linear, pa}));
    count_bad_input("__va");
  }
  for (const u64 va : {u64{0}, kStart - 1, kStart + 512_MiB, u64{0xffff'8000'0800'0000}, ~u64{0}}) {
    EXPECT_EQ(kMap.to_phys(VirtAddr(va)).error(), (Error{Errc::not_linear, va}));
    count_bad_input("__pa");
  }
  EXPECT_FALSE(LinearMap().to_virt(PhysAddr(0)).has_value()) << "before boot has made one";
}

TEST(LinearMap, ReachesTheFramesBelowItsEnd) {
  EXPECT_TRUE(kMap.reaches(Frame::from_number(0x4'0000)));
  EXPECT_TRUE(kMap.reaches(Frame::from_number(0x5'ffff)));
  EXPECT_FALSE(kMap.reaches(Frame::from_number(0x6'0000)));
  EXPECT_FALSE(kMap.reaches(Frame::from_number(0xf'ffff'ffff)));
  EXPECT_FALSE(LinearMap().reaches(Frame()));
}

/// RAM's start is rounded down to 1 GiB; the region, a cap or RAM's end is where it ends.
TEST(LinearMapPlan, ReachesAllRamThatFits) {
  struct Case {
    u64 start, size, cap, phys, reach;
  };
  const Case cases[] = {
      {0x4000'0000, 512_MiB, ~u64{0}, 0x4000'0000, 512_MiB},
      {0x4800'0000, 64_MiB, ~u64{0}, 0x4000'0000, 192_MiB},
      {0x8000'0000, 32_TiB, ~u64{0}, 0x8000'0000, 32_TiB},
      {0x4000'0000, 200_TiB, ~u64{0}, 0x4000'0000, 128_TiB},
      {0x4000'0000, 8_GiB, 512_MiB, 0x4000'0000, 512_MiB},
      {0x4000'0000, 8_GiB, 512_MiB + 5, 0x4000'0000, 512_MiB},
      {0x4000'0000, 8_GiB, 0, 0x4000'0000, 0},
  };
  for (const Case& c : cases) {
    const LinearMap map = plan_linear_map(kArm64Layout, {PhysAddr(c.start), c.size}, c.cap);
    EXPECT_EQ(map.virt(), VirtRange(VirtAddr(kStart), c.reach)) << std::hex << c.start;
    EXPECT_EQ(map.phys().start().value(), c.phys);
  }
}

/// Tables of one linear map, and the judge.
class LinearMapBuild : public testing::Test {
 protected:
  using Tables = FakeTables<arch::Entry>;

  explicit LinearMapBuild(usize tables = 16) { renew(tables); }

  void renew(usize tables) {
    mmu_.reset();
    memory_ = std::make_unique<Tables>(tables);
    mmu_ = std::make_unique<model::ModelMmu>(*memory_, decoder_);
    root_ = memory_->new_root();
    mmu_->add_space(root_.address().value(), 0);
  }

  Result<void> build(const LinearMap& map, PhysRange bank, PhysRange read_only) {
    const model::ModelTlb tlb(*mmu_, model::ModelMmu::Reach::all_asids);
    Mapper<arch::Format, Tables, model::ModelTlb> mapper(root_, arch::kernel_geometry(), *memory_,
                                                         tlb);
    const Result<void> built = build_linear_map(mapper, map, bank, read_only);
    mmu_->end_operation();
    EXPECT_EQ(mmu_->text(), "");
    return built;
  }
  /// What the MMU makes of the linear address of `pa`.
  model::Outcomes at(const LinearMap& map, u64 pa) { return mmu_->outcomes(0, pa + map.offset()); }
  void expect_mapped(const LinearMap& map, u64 pa, unsigned level, bool writable) {
    const model::Outcomes found = at(map, pa);
    ASSERT_TRUE(found.is_just(pa)) << std::hex << pa;
    EXPECT_EQ(found.hits[0].leaf.level, level) << std::hex << pa;
    EXPECT_TRUE(model::grants(found.hits[0].leaf, writable ? kKernelData : kKernelRodata));
  }

  model::VmsaDecoder decoder_{true, 48};
  std::unique_ptr<Tables> memory_;
  std::unique_ptr<model::ModelMmu> mmu_;
  Frame root_;
};

/// 16 GiB take one leaf each, but for the GiB with the image; its code and constants are read-only,
/// and nothing at all is executable.
TEST_F(LinearMapBuild, UsesOneLeafForEachGiB) {
  const LinearMap map(VirtAddr(kStart), PhysAddr(0x4000'0000), 16_GiB);
  const PhysRange code(PhysAddr(0x4020'0000), 0x5'b000);
  ASSERT_TRUE(build(map, {PhysAddr(0x4000'0000), 16_GiB}, code).has_value());
  EXPECT_EQ(memory_->in_use(), 1u + 1 + 1 + 1) << "root, L1, L2 of the first GiB, L3 of the image";
  expect_mapped(map, 0x4000'0000, 2, true);
  expect_mapped(map, 0x401f'ffff, 2, true);
  expect_mapped(map, 0x4020'0000, 3, false);
  expect_mapped(map, 0x4025'afff, 3, false);
  expect_mapped(map, 0x4025'b000, 3, true);
  expect_mapped(map, 0x403f'ffff, 3, true);
  expect_mapped(map, 0x4040'0000, 2, true);
  expect_mapped(map, 0x7fff'ffff, 2, true);
  for (u64 gib = 1; gib < 16; ++gib) {
    expect_mapped(map, 0x4000'0000 + gib * 1_GiB, 1, true);
    expect_mapped(map, 0x4000'0000 + gib * 1_GiB + 0x3fff'fff8, 1, true);
  }
  EXPECT_TRUE(at(map, 0x4000'0000 + 16_GiB).is_fault());
}

/// Banks that begin and end anywhere: not a page more than they are.
TEST_F(LinearMapBuild, MapsExactlyTheBank) {
  const LinearMap map(VirtAddr(kStart), PhysAddr(0x4000'0000), 1_GiB);
  ASSERT_TRUE(build(map, {PhysAddr(0x4010'3000), 0x40'5000}, {}).has_value());
  EXPECT_TRUE(at(map, 0x4010'2fff).is_fault());
  expect_mapped(map, 0x4010'3000, 3, true);
  expect_mapped(map, 0x4020'0000, 2, true);
  expect_mapped(map, 0x4050'7fff, 3, true);
  EXPECT_TRUE(at(map, 0x4050'8000).is_fault());
}

/// What lies beyond the map's reach (HIGHMEM) is left out; a bank below its start is refused.
TEST_F(LinearMapBuild, LeavesOutWhatItDoesNotReach) {
  const LinearMap map(VirtAddr(kStart), PhysAddr(0x4000'0000), 64_MiB);
  const PhysRange code(PhysAddr(0x43ff'f000), 0x2000);  // half of it beyond
  ASSERT_TRUE(build(map, {PhysAddr(0x4000'0000), 1_GiB}, code).has_value());
  expect_mapped(map, 0x43ff'e000, 3, true);
  expect_mapped(map, 0x43ff'f000, 3, false);
  EXPECT_TRUE(mmu_->outcomes(0, kStart + 64_MiB).is_fault());
  ASSERT_TRUE(build(map, {PhysAddr(0x1'0000'0000), 1_GiB}, code).has_value()) << "all of it beyond";
  EXPECT_TRUE(mmu_->outcomes(0, 0x1'0000'0000 + map.offset()).is_fault());
  EXPECT_EQ(build(map, {PhysAddr(0x3fff'f000), 0x2000}, {}).error(),
            (Error{Errc::bad_range, 0x3fff'f000}));
}

/// Whichever table cannot be had: the error says so. (Boot ends there; parts may stay.)
TEST_F(LinearMapBuild, RunningOutOfTablesIsAnError) {
  const LinearMap map(VirtAddr(kStart), PhysAddr(0x4000'0000), 2_GiB);
  const PhysRange bank(PhysAddr(0x4000'1000), 2_GiB - 0x1000), code(PhysAddr(0x4020'0000), 0x8000);
  for (usize tables = 1; tables < 5; ++tables) {
    renew(tables);
    EXPECT_EQ(build(map, bank, code).error().code, Errc::out_of_frames) << tables;
    count_injections("linear map");
  }
  renew(5);
  EXPECT_TRUE(build(map, bank, code).has_value());
}

}  // namespace
}  // namespace meridian
