// SPDX-License-Identifier: MIT
#include "mm/frames/percpu_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace meridian {
namespace {

constexpr u64 kFirst = 0x4'0000;
constexpr u64 kFrames = 4096;

class PerCpuCacheTest : public testing::Test {
 protected:
  PerCpuCacheTest()
      : entries_(std::make_unique<FrameInfo[]>(kFrames)),
        table_(VirtAddr::of(entries_.get()), Frame::from_number(kFirst)) {
    zone_.put_range(table_, {Frame::from_number(kFirst), kFrames});
  }

  Frame pop(unsigned order) { return cache_.pop(table_, order, 0); }
  bool push(Frame frame, unsigned order) { return cache_.push(table_[frame], frame, order); }
  void expect_all_back() {
    EXPECT_EQ(zone_.free_frames(), kFrames);
    EXPECT_EQ(zone_.blocks()[kMaxOrder], kFrames / kMaxBlockFrames) << "and joined";
    EXPECT_EQ(cache_.frames(), 0u);
  }

  std::unique_ptr<FrameInfo[]> entries_;
  FrameTable table_;
  Buddy zone_;
  PerCpuCache cache_;
};

/// An empty cache gives frame 0, which is never free.
TEST_F(PerCpuCacheTest, GivesNothingWhenEmpty) {
  for (unsigned order = 0; order < PerCpuCache::kOrders; ++order) EXPECT_EQ(pop(order), Frame());
  EXPECT_EQ(cache_.frames(), 0u);
}

/// The block that came last goes first: its cache lines are warm.
TEST_F(PerCpuCacheTest, GivesTheLastBlockFirst) {
  const Frame a = *zone_.take(table_, 2), b = *zone_.take(table_, 2);
  EXPECT_FALSE(push(a, 2));
  EXPECT_EQ(table_[a].owner(), FrameOwner::cached);
  EXPECT_EQ(table_[a].order(), 2u);
  EXPECT_FALSE(push(b, 2));
  EXPECT_EQ(cache_.frames(), 8u);
  EXPECT_EQ(pop(2), b);
  EXPECT_EQ(pop(2), a);
  EXPECT_EQ(pop(2), Frame());
}

/// A refill brings a batch whose frames are given out in ascending order.
TEST_F(PerCpuCacheTest, RefillsInAscendingOrder) {
  EXPECT_TRUE(cache_.refill(table_, zone_, 0));
  const u64 batch = cache_.frames();
  EXPECT_GE(batch, 32u);
  Frame last = pop(0);
  for (u64 i = 1; i < batch; ++i) {
    const Frame frame = pop(0);
    EXPECT_EQ(frame, last + 1);
    last = frame;
  }
  EXPECT_EQ(pop(0), Frame());
}

/// Refill fails only when the zone has nothing at all of the order.
TEST_F(PerCpuCacheTest, RefillsWithLessWhenTheZoneIsPoor) {
  std::vector<Frame> taken;
  while (const auto frame = zone_.take(table_, 1)) taken.push_back(*frame);
  EXPECT_FALSE(cache_.refill(table_, zone_, 0));
  zone_.put(table_, taken.back(), 1);
  EXPECT_TRUE(cache_.refill(table_, zone_, 0));
  EXPECT_EQ(cache_.frames(), 2u);
  EXPECT_FALSE(cache_.refill(table_, zone_, 1));
}

/// A list that becomes too long says so, and spills about half.
TEST_F(PerCpuCacheTest, SpillsWhenTooLong) {
  for (unsigned order = 0; order < PerCpuCache::kOrders; ++order) {
    u64 pushed = 0;
    while (!push(*zone_.take(table_, order), order)) ++pushed;
    const u64 before = cache_.frames();
    EXPECT_EQ(before, (pushed + 1) << order);
    cache_.spill(table_, zone_, order);
    EXPECT_LT(cache_.frames(), before);
    EXPECT_GE(cache_.frames(), before / 4);
    const u64 after = cache_.frames();
    cache_.spill(table_, zone_, order);
    EXPECT_EQ(cache_.frames(), after) << "no longer too long";
    cache_.drain(table_, zone_);
    expect_all_back();
  }
}

/// Whatever the order in which blocks came, they go back whole and join.
TEST_F(PerCpuCacheTest, DrainsEverything) {
  for (const int pattern : {0, 1, 2, 3}) {
    std::vector<Frame> frames;
    for (int i = 0; i < 100; ++i) frames.push_back(*zone_.take(table_, 0));
    if (pattern == 1) std::reverse(frames.begin(), frames.end());
    if (pattern == 2)
      for (usize i = 0; i + 1 < frames.size(); i += 2) std::swap(frames[i], frames[i + 1]);
    if (pattern == 3)
      for (usize i = 0; i < frames.size(); ++i)
        std::swap(frames[i], frames[i * 37 % frames.size()]);
    for (const Frame frame : frames) EXPECT_FALSE(push(frame, 0));
    EXPECT_FALSE(push(*zone_.take(table_, 3), 3));
    EXPECT_EQ(cache_.frames(), 108u);
    cache_.drain(table_, zone_);
    expect_all_back();
    for (const Frame frame : frames)
      EXPECT_TRUE(table_[frame].owner() == FrameOwner::none ||
                  table_[frame].owner() == FrameOwner::free);
  }
}

/// A run that goes down to frame 1 ends there: 0 ends the list and is no neighbour.
TEST_F(PerCpuCacheTest, StopsAtFrameZero) {
  FrameInfo low[kMaxBlockFrames]{};
  FrameTable table(VirtAddr::of(low), Frame());
  Buddy zone;
  PerCpuCache cache;
  for (const u64 number : {1, 2, 3}) cache.push(low[number], Frame::from_number(number), 0);
  cache.drain(table, zone);
  EXPECT_EQ(zone.free_frames(), 3u);
  EXPECT_EQ(zone.blocks()[0], 1u);
  EXPECT_EQ(zone.blocks()[1], 1u);
}

}  // namespace
}  // namespace meridian
