// SPDX-License-Identifier: MIT
#include "mm/frames/buddy.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "free_blocks.h"
#include "seed.h"

namespace meridian {
namespace {

constexpr u64 kFirst = 0x4'0000;  // the frame at 1 GiB

/// A buddy over `frames` frames from kFirst on, all of them free, and the table behind it.
class Pool {
 public:
  explicit Pool(u64 frames, u64 room = 8192)
      : entries_(std::make_unique<FrameInfo[]>(room)),
        table(VirtAddr::of(entries_.get()), Frame::from_number(kFirst)) {
    buddy.put_range(table, {Frame::from_number(kFirst), frames});
  }

  std::optional<Frame> take(unsigned order) { return buddy.take(table, order); }
  void put(Frame frame, unsigned order) { buddy.put(table, frame, order); }

 private:
  std::unique_ptr<FrameInfo[]> entries_;

 public:
  FrameTable table;
  Buddy buddy;
};

std::array<u64, kMaxOrder + 1> blocks(std::initializer_list<std::pair<unsigned, u64>> counts) {
  std::array<u64, kMaxOrder + 1> all{};
  for (const auto& [order, count] : counts) all[order] = count;
  return all;
}

/// Each order from 0 to 10 can be taken, is naturally aligned, and comes back as it was.
TEST(Buddy, GivesAlignedBlocksOfEveryOrder) {
  Pool pool(4096);
  for (unsigned order = 0; order <= kMaxOrder; ++order) {
    const std::optional<Frame> frame = pool.take(order);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->number() % (u64{1} << order), 0u);
    EXPECT_EQ(pool.buddy.free_frames(), 4096 - (u64{1} << order));
    EXPECT_EQ(pool.table[*frame].owner(), FrameOwner::none);
    pool.put(*frame, order);
    EXPECT_EQ(pool.buddy.blocks(), blocks({{10, 4}})) << "order " << order;
  }
}

/// A run that neither starts nor ends on a large block is cut into the largest that fit.
TEST(Buddy, CutsARunIntoTheLargestBlocks) {
  Pool pool(0);
  pool.buddy.put_range(pool.table, {Frame::from_number(kFirst + 3), 1021 + 6});
  EXPECT_EQ(
      pool.buddy.blocks(),
      blocks({{0, 1}, {2, 2}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}, {8, 1}, {9, 1}, {1, 1}}));
}

/// The halves that a split leaves are what the next smaller requests get.
TEST(Buddy, SplitsTheSmallestBlockThatWillDo) {
  Pool pool(1024 + 8);
  EXPECT_EQ(pool.buddy.blocks(), blocks({{10, 1}, {3, 1}}));
  const Frame frame = pool.take(0).value();
  EXPECT_EQ(frame.number(), kFirst + 1024) << "from the block of 8, not from that of 1024";
  EXPECT_EQ(pool.buddy.blocks(), blocks({{10, 1}, {2, 1}, {1, 1}, {0, 1}}));
  EXPECT_EQ(pool.take(1)->number(), kFirst + 1024 + 2);
  EXPECT_EQ(pool.take(2)->number(), kFirst + 1024 + 4);
}

/// Blocks above the largest order are never made, however much is free.
TEST(Buddy, NeverJoinsTwoBlocksOfTheLargestOrder) {
  Pool pool(2048);
  const Frame a = pool.take(10).value(), b = pool.take(10).value();
  EXPECT_FALSE(pool.take(0));
  pool.put(a, 10);
  pool.put(b, 10);
  EXPECT_EQ(pool.buddy.blocks(), blocks({{10, 2}}));
}

/// When every second frame is taken, no pair can be had although half of all is free.
TEST(Buddy, FragmentedMemoryHasNoLargeBlocks) {
  Pool pool(1024);
  std::vector<Frame> taken;
  while (const auto frame = pool.take(0)) taken.push_back(*frame);
  ASSERT_EQ(taken.size(), 1024u);
  for (const Frame frame : taken)
    if (frame.number() % 2 == 0) pool.put(frame, 0);
  EXPECT_EQ(pool.buddy.free_frames(), 512u);
  EXPECT_FALSE(pool.take(1));
  EXPECT_TRUE(pool.take(0));
}

/// A batch uses up small blocks, is as long as asked if there is so much, and comes in ascending
/// runs.
TEST(Buddy, TakesBatchesFromTheSmallestBlocks) {
  Pool pool(1024 + 8 + 2);
  std::vector<FrameRange> runs;
  const auto sink = [&](FrameRange run) { runs.push_back(run); };

  EXPECT_EQ(pool.buddy.take_batch(pool.table, 0, 16, sink), 16u);
  EXPECT_EQ(runs, (std::vector<FrameRange>{{Frame::from_number(kFirst + 1032), 2},
                                           {Frame::from_number(kFirst + 1024), 8},
                                           {Frame::from_number(kFirst), 4},
                                           {Frame::from_number(kFirst + 4), 2}}));
  runs.clear();
  EXPECT_EQ(pool.buddy.take_batch(pool.table, 1, 1 << 20, sink), 509u) << "all there is";
  u64 frames = 0;
  for (const FrameRange& run : runs) {
    EXPECT_EQ(run.first.number() % 2, 0u);
    frames += run.count;
  }
  EXPECT_EQ(frames, 1018u);
  EXPECT_EQ(pool.buddy.take_batch(pool.table, 0, 1, sink), 0u);
}

/// Random blocks taken and put back, against a set of the frames that are free: after each step
/// there is exactly one possible list of blocks, and the buddy has it.
TEST(Buddy, AgreesWithASetOfFreeFrames) {
  std::mt19937_64 random(test_seed() + 2);
  constexpr u64 kFrames = 3000;  // the last block is not whole
  Pool pool(kFrames);
  FrameSet free(kFirst, kFrames);
  ASSERT_TRUE(free.add(kFirst, kFrames));
  const auto at_first = pool.buddy.blocks();
  std::vector<std::pair<Frame, unsigned>> held;

  for (int step = 0; step < 20'000; ++step) {
    const bool filling = step / 2000 % 2 == 0;
    if (held.empty() || random() % 100 < (filling ? 70u : 30u)) {
      const unsigned order = static_cast<unsigned>(std::countr_zero(random() | 1 << 10));
      const std::optional<Frame> frame = pool.take(order);
      if (!frame) {
        const auto all = free_blocks(free);
        for (unsigned o = order; o <= kMaxOrder; ++o) ASSERT_EQ(all[o], 0u) << "order " << order;
        continue;
      }
      EXPECT_EQ(frame->number() % (u64{1} << order), 0u);
      ASSERT_TRUE(free.remove(frame->number(), u64{1} << order)) << "was not free";
      held.push_back({*frame, order});
    } else {
      std::swap(held[random() % held.size()], held.back());
      const auto [frame, order] = held.back();
      held.pop_back();
      pool.put(frame, order);
      ASSERT_TRUE(free.add(frame.number(), u64{1} << order));
    }
    ASSERT_EQ(pool.buddy.free_frames(), free.size());
    if (step % 20 == 0) {
      ASSERT_EQ(pool.buddy.blocks(), free_blocks(free)) << "step " << step;
    }
  }
  for (const auto& [frame, order] : held) pool.put(frame, order);
  EXPECT_EQ(pool.buddy.blocks(), at_first) << "back to the beginning";
}

}  // namespace
}  // namespace meridian
