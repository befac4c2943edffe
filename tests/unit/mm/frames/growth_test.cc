// SPDX-License-Identifier: MIT
#include "mm/frames/growth.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "mm/frames/untouched.h"
#include "seed.h"

namespace meridian {
namespace {

FrameRange run(u64 first, u64 count) { return {Frame::from_number(first), count}; }

/// Runs that touch become one, whichever comes first.
TEST(BackedPages, JoinsRunsThatTouch) {
  BackedPages pages;
  pages.add(10, 5);
  pages.add(20, 5);
  EXPECT_TRUE(pages.contains(14));
  EXPECT_FALSE(pages.contains(15));
  EXPECT_EQ(pages.first_gap(10, 25).first, 15u);
  EXPECT_EQ(pages.first_gap(10, 25).count, 5u);
  pages.add(15, 5);
  EXPECT_EQ(pages.first_gap(10, 25).count, 0u);
  EXPECT_EQ(pages.first_gap(5, 30).first, 5u);
  EXPECT_EQ(pages.first_gap(5, 30).count, 5u);
  EXPECT_EQ(pages.first_gap(12, 30).first, 25u);
  EXPECT_EQ(pages.first_gap(12, 30).count, 5u);
  EXPECT_EQ(pages.total(), 15u);
}

/// Pages added in any order, against a set of pages.
TEST(BackedPages, AgreesWithASet) {
  std::mt19937_64 random(test_seed() + 3);
  for (int round = 0; round < 200; ++round) {
    BackedPages pages;
    std::set<u64> model;
    constexpr u64 kPages = 120;
    for (int i = 0; i < 40; ++i) {
      const u64 from = random() % kPages;
      const BackedPages::Run gap = pages.first_gap(from, kPages);
      u64 expected = from;
      while (expected < kPages && model.contains(expected)) ++expected;
      u64 end = expected;
      while (end < kPages && !model.contains(end)) ++end;
      ASSERT_EQ(gap.count, end - expected);
      if (gap.count == 0) continue;
      ASSERT_EQ(gap.first, expected);
      const u64 count = 1 + random() % gap.count;
      pages.add(gap.first, count);
      for (u64 p = gap.first; p < gap.first + count; ++p) model.insert(p);
    }
    for (u64 p = 0; p < kPages; ++p) ASSERT_EQ(pages.contains(p), model.contains(p)) << p;
    ASSERT_EQ(pages.total(), model.size());
  }
}

/// Its room is for every bank of the map and some more; beyond that something is broken.
TEST(BackedPages, ChecksItsRoom) {
  BackedPages pages;
  for (u64 i = 0; i < MemoryMap::kMaxBanks + 8; ++i) pages.add(10 * i, 1);
  EXPECT_THROW(pages.add(1'000'000, 1), std::logic_error);
}

/// Runs wait by zone, and are used from the front.
TEST(Untouched, GivesTheFrontOfTheLowestRun) {
  Untouched untouched;
  untouched.add(run(100, 50), ZoneKind::dma);
  untouched.add(run(1000, 10), ZoneKind::normal);
  untouched.add(run(2000, 100), ZoneKind::normal);

  EXPECT_EQ(untouched.first_run(ZoneKind::normal), run(1000, 10));
  EXPECT_EQ(untouched.take_front(ZoneKind::normal, 4), run(1000, 4));
  EXPECT_EQ(untouched.take_front(ZoneKind::normal, 100), run(1004, 6));
  EXPECT_EQ(untouched.take_front(ZoneKind::normal, 1), run(2000, 1));
  EXPECT_EQ(untouched.frames(ZoneKind::normal), 99u);
  EXPECT_EQ(untouched.frames(ZoneKind::dma), 50u);
  EXPECT_EQ(untouched.frames(ZoneKind::highmem), 0u);
  EXPECT_EQ(untouched.take_front(ZoneKind::highmem, 1).count, 0u);
  EXPECT_EQ(untouched.first_run(ZoneKind::highmem).count, 0u);
  EXPECT_EQ(untouched.run_of(Frame::from_number(2001)), run(2001, 99));
  EXPECT_EQ(untouched.run_of(Frame::from_number(2000)).count, 0u);
}

/// What a run will be in the buddy's lists, without going over it frame by frame.
TEST(Untouched, CountsTheBlocksItWillMake) {
  Untouched untouched;
  untouched.add(run(1023, 1 + (u64{1} << 33) + 3), ZoneKind::normal);  // 32 TiB and 4 frames
  std::array<u64, kMaxOrder + 1> blocks{};
  untouched.count_blocks(ZoneKind::normal, blocks);
  EXPECT_EQ(blocks, (std::array<u64, 11>{2, 1, 0, 0, 0, 0, 0, 0, 0, 0, u64{1} << 23}));
  untouched.count_blocks(ZoneKind::dma, blocks);
  EXPECT_EQ(blocks[10], u64{1} << 23);
}

/// More runs than a memory map can make are a broken invariant.
TEST(Untouched, ChecksItsRoom) {
  Untouched untouched;
  EXPECT_THROW(for (u64 i = 0; i < 200; ++i) untouched.add(run(10 * i, 1), ZoneKind::normal),
               std::logic_error);
}

}  // namespace
}  // namespace meridian
