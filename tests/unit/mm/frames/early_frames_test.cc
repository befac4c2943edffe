// SPDX-License-Identifier: MIT
#include "mm/frames/early_frames.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace meridian {
namespace {

constexpr u64 kStart = 0x4000'0000;

PhysRange range(u64 start, u64 size) { return {PhysAddr(start), size}; }

std::set<u64> frames_left(const MemoryMap& map, const EarlyFrames& early) {
  std::set<u64> frames;
  map.for_each_free([&](FrameRange run) {
    early.for_each_left(run, [&](FrameRange left) {
      for (u64 i = 0; i < left.count; ++i) frames.insert(left.first.number() + i);
    });
  });
  return frames;
}

std::set<u64> frames_taken(const MemoryMap& map, const EarlyFrames& early) {
  std::set<u64> frames;
  map.for_each_free([&](FrameRange run) {
    early.for_each_taken(run, [&](FrameRange taken) {
      for (u64 i = 0; i < taken.count; ++i) frames.insert(taken.first.number() + i);
    });
  });
  return frames;
}

/// The DMA zone's 16 MiB are for devices: the first frames come from above them.
TEST(EarlyFrames, StartsAboveTheDmaZone) {
  MemoryMap map;
  ASSERT_TRUE(map.add_bank(range(kStart, 32_MiB)));
  ASSERT_TRUE(map.reserve(range(kStart + 16_MiB, 0x2000), "in the way"));
  EarlyFrames early(map, range(kStart, 32_MiB));

  EXPECT_EQ(early.alloc().value().address(), PhysAddr(kStart + 16_MiB + 0x2000));
  EXPECT_EQ(early.alloc().value().address(), PhysAddr(kStart + 16_MiB + 0x3000));
  EXPECT_EQ(early.taken(), 2u);
}

/// A machine with less RAM than the DMA zone has to use that.
TEST(EarlyFrames, UsesTheDmaZoneWhenThereIsNothingElse) {
  MemoryMap map;
  ASSERT_TRUE(map.add_bank(range(kStart, 8_MiB)));
  EarlyFrames early(map, range(kStart, 8_MiB));
  EXPECT_EQ(early.alloc().value().address(), PhysAddr(kStart));
}

/// What the linear map does not reach is never given out.
TEST(EarlyFrames, StaysInReach) {
  MemoryMap map;
  ASSERT_TRUE(map.add_bank(range(kStart, 1_MiB)));
  ASSERT_TRUE(map.add_bank(range(kStart + 64_MiB, 1_MiB)));
  EarlyFrames early(map, range(kStart, 64_MiB + 0x3000));

  std::vector<u64> got;
  while (const auto frame = early.alloc()) got.push_back(frame.value().address().value());
  ASSERT_EQ(got.size(), 256u + 3);
  EXPECT_EQ(got[0], kStart + 64_MiB);
  EXPECT_EQ(got[3], kStart);
  EXPECT_EQ(early.alloc().error(), (Error{Errc::out_of_frames, 0}));
}

/// Every frame is either taken or left, and the two say so alike, however many were taken.
TEST(EarlyFrames, KnowsWhatItTook) {
  MemoryMap map;
  ASSERT_TRUE(map.add_bank(range(kStart, 16_MiB + 0x9000)));
  ASSERT_TRUE(map.add_bank(range(kStart + 32_MiB, 0x4000)));
  ASSERT_TRUE(map.reserve(range(kStart, 16_MiB - 0x5000), "image"));
  ASSERT_TRUE(map.reserve(range(kStart + 16_MiB + 0x2000, 0x2000), "hole"));
  EarlyFrames early(map, range(kStart, 32_MiB + 0x2000));

  std::set<u64> all = frames_left(map, early);
  EXPECT_EQ(all.size(), 5u + 2 + 5 + 4);
  std::set<u64> taken;
  for (;;) {
    for (const u64 f : all)
      EXPECT_EQ(early.has_taken(Frame::from_number(f)), taken.contains(f)) << f;
    EXPECT_EQ(frames_taken(map, early), taken);
    EXPECT_EQ(early.taken(), taken.size());
    std::set<u64> left = all;
    for (const u64 f : taken) left.erase(f);
    EXPECT_EQ(frames_left(map, early), left);
    const auto frame = early.alloc();
    if (!frame) break;
    EXPECT_TRUE(all.contains(frame.value().number()));
    EXPECT_TRUE(taken.insert(frame.value().number()).second) << "given out twice";
  }
  EXPECT_EQ(taken.size(), 14u) << "all but the two out of reach";
  EXPECT_FALSE(early.has_taken(Frame(PhysAddr(kStart)))) << "reserved";
  EXPECT_FALSE(early.has_taken(Frame(PhysAddr(kStart + 31_MiB)))) << "no RAM";
}

/// Without RAM there is nothing to give.
TEST(EarlyFrames, HasNothingWithoutRam) {
  MemoryMap map;
  EarlyFrames early(map, PhysRange());
  EXPECT_FALSE(early.alloc());
}

}  // namespace
}  // namespace meridian
