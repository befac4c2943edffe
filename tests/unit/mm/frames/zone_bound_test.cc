// SPDX-License-Identifier: MIT
/// A linear map may end in the middle of a largest block; NORMAL and HIGHMEM share that block, and
/// must never share a smaller one.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "fake_ram.h"
#include "mm/frames/frame_allocator.h"
#include "seed.h"

namespace meridian {
namespace {

constexpr u64 kStart = 0x4000'0000;
constexpr u64 kBound = kStart + 30_MiB + 8 * kPageSize;

PhysRange ram_range() { return {PhysAddr(kStart), 64_MiB}; }

struct Block {
  Frame frame;
  unsigned order;
};

/// Everything is taken in blocks of random sizes and given back in random order, many times; no
/// block ever has the bound inside, and each lies where its zone does.
TEST(ZoneBound, NoBlockLiesAcrossIt) {
  FakeRam ram({ram_range()}, {{PhysAddr(kBound - kPageSize), kPageSize}},
              {.linear_size = kBound - kStart});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator).has_value());
  std::mt19937_64 random(test_seed());
  const Frame bound{PhysAddr(kBound)};
  for (int round = 0; round < 20; ++round) {
    std::vector<Block> held;
    for (unsigned failures = 0; failures < 30;) {
      const unsigned order = random() % (kMaxOrder + 1);
      const auto frame = allocator.alloc(order, FrameOwner::kernel, ZoneKind::highmem);
      if (!frame.has_value()) {
        ++failures;
        continue;
      }
      held.push_back({frame.value(), order});
      const Frame last = frame.value() + ((u64{1} << order) - 1);
      ASSERT_EQ(frame.value() < bound, last < bound) << "round " << round;
      ASSERT_EQ(allocator.zone_of(frame.value()) == ZoneKind::highmem, frame.value() >= bound);
    }
    std::ranges::shuffle(held, random);
    for (const Block& block : held) allocator.free(block.frame, block.order);
  }
}

TEST(ZoneBound, TheZonesHaveTheRamOnTheirSide) {
  FakeRam ram({ram_range()}, {{PhysAddr(kBound - kPageSize), kPageSize}},
              {.linear_size = kBound - kStart});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator).has_value());
  EXPECT_EQ(allocator.zone_stats(ZoneKind::highmem).present, (34_MiB - 8 * kPageSize) / kPageSize);
  EXPECT_EQ(allocator.zone_stats(ZoneKind::normal).present, (14_MiB + 8 * kPageSize) / kPageSize);
}

TEST(ZoneBound, ItMayNotCutABlockUnlessTheFrameBelowIsReserved) {
  FakeRam ram({ram_range()}, {}, {.linear_size = kBound - kStart});
  FrameAllocator allocator;
  EXPECT_THROW((void)ram.start(allocator), std::logic_error);
}

}  // namespace
}  // namespace meridian
