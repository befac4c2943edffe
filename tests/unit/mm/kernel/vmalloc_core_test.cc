// SPDX-License-Identifier: MIT
/// vmalloc's allocator on real tables, with the model MMU as the judge of what CPUs may reach.
#include "mm/kernel/vmalloc_core.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>

#include "seed.h"
#include "tally.h"
#include "vmalloc_world.h"

namespace meridian {
namespace {

using Backing = VmallocWorld::Backing;
using Core = VmallocWorld::Core;
using Content = VmallocOptions::Content;

constexpr VirtRange kRegion{VirtAddr(0xffff'8000'0800'0000), u64{1} << 40};
constexpr VirtRange kSmallRegion{VirtAddr(0xffff'8000'0800'0000), 16_MiB};
constexpr u64 kLazyLimit = 64;

/// A VmallocCore in a world of its own, and words to use it by.
class VmallocCoreTest : public testing::Test {
 protected:
  VmallocCoreTest() { open(kRegion); }
  ~VmallocCoreTest() override { arch::fake_cpu = 0; }

  void open(VirtRange region, u64 lazy_limit = kLazyLimit, u64 frames = 8192) {
    core_.reset();
    world_ = std::make_unique<VmallocWorld>(frames);
    core_ = std::make_unique<Core>(Backing{world_.get()});
    const VirtRange image(region.start(), 1_MiB);
    ASSERT_TRUE(core_->start(region, image, lazy_limit).has_value());
    ASSERT_TRUE(core_->add_image(image, "image").has_value());
  }

  Result<VirtAddr> allocate(u64 pages, u64 alignment = kPageSize,
                            Content content = Content::stale) {
    return core_->allocate({.kind = AreaKind::vmalloc,
                            .pages = pages,
                            .alignment = alignment,
                            .slot_class = class_for(pages, alignment),
                            .caller = this},
                           OwnFrames<Backing>(content, Backing{world_.get()}));
  }
  VirtAddr must_allocate(u64 pages, u64 alignment = kPageSize) {
    const Result<VirtAddr> area = allocate(pages, alignment);
    EXPECT_TRUE(area.has_value());
    return area.value();
  }
  Result<VirtAddr> allocate_stack() {
    return core_->allocate({.kind = AreaKind::kernel_stack,
                            .pages = 4,
                            .alignment = 32_KiB,
                            .slot_class = kStackClass,
                            .caller = this},
                           OwnFrames<Backing>(Content::stale, Backing{world_.get()}));
  }
  Result<VirtAddr> map_frames(std::span<const Frame> frames, const Attributes& attributes) {
    return core_->allocate({.kind = AreaKind::vmap,
                            .pages = frames.size(),
                            .alignment = kPageSize,
                            .slot_class = class_for(frames.size(), kPageSize),
                            .caller = this},
                           GivenFrames<arch::Entry>(frames, attributes));
  }
  Result<VirtAddr> map_device(Frame first, u64 pages) {
    return core_->allocate({.kind = AreaKind::ioremap,
                            .pages = pages,
                            .alignment = kPageSize,
                            .slot_class = class_for(pages, kPageSize),
                            .caller = this},
                           ConsecutiveFrames<Backing>(first, kDeviceRegisters));
  }
  void must_free(VirtAddr va, AreaKind kind = AreaKind::vmalloc) {
    EXPECT_TRUE(core_->free(va, kind).has_value()) << std::hex << va.value();
    world_->mmu.end_deferred_operation();
  }

  std::vector<AreaInfo> list() {
    std::vector<AreaInfo> areas;
    for (VirtAddr from(0); const auto area = core_->next_area(from);) {
      areas.push_back(*area);
      from = area->range.end();
    }
    return areas;
  }

  std::unique_ptr<VmallocWorld> world_;
  std::unique_ptr<Core> core_;
};

VirtRange pages_from(VirtAddr start, u64 pages) { return {start, pages * kPageSize}; }

/// Sizes on both sides of every boundary: slots of each class, contiguous runs, blocks, tables.
TEST_F(VmallocCoreTest, EveryPageIsMappedAndItsNeighboursAreNot) {
  for (const u64 pages : {1,  2,   3,   4,   7,   8,   15,  16,  17,  31,   32,   63,
                          64, 100, 127, 128, 129, 511, 512, 513, 528, 1024, 1025, 1500}) {
    SCOPED_TRACE(testing::Message() << pages << " pages");
    const VirtAddr start = must_allocate(pages);
    world_->mmu.end_operation();
    const std::vector<Frame> frames = world_->check_mapped(pages_from(start, pages));
    for (const Frame frame : frames) EXPECT_TRUE(world_->pool.is_out(frame));
    EXPECT_EQ(std::set<Frame>(frames.begin(), frames.end()).size(), pages) << "frames are distinct";
    EXPECT_EQ(world_->pool.in_use(), pages);
    world_->check_unmapped(start - kPageSize);
    world_->check_unmapped(start + pages * kPageSize);
    must_free(start);
    for (u64 i = 0; i < pages; ++i) world_->check_no_walk(start + i * kPageSize);
    core_->flush();
    EXPECT_EQ(world_->pool.in_use(), 0u);
    world_->check_unmapped(start);
    world_->mmu.end_operation();
  }
}

/// Every alignment up to 4 MiB with small and large sizes.
TEST_F(VmallocCoreTest, AreasAreAlignedAsAsked) {
  for (const u64 pages : {1, 5, 10, 130, 600})
    for (unsigned shift = 0; shift <= 22; ++shift) {
      const VirtAddr start = must_allocate(pages, u64{1} << shift);
      EXPECT_TRUE(start.is_aligned(u64{1} << shift)) << pages << " pages, 2^" << shift;
      EXPECT_TRUE(start.is_aligned(kPageSize));
      world_->check_unmapped(start + pages * kPageSize);
      must_free(start);
    }
  core_->flush();
  EXPECT_EQ(world_->pool.in_use(), 0u);
}

/// The largest leaves that size and memory allow are used: two blocks and one contiguous run.
TEST_F(VmallocCoreTest, BlocksAndContiguousRunsAreUsedWhenMemoryAllows) {
  const VirtAddr start = must_allocate(2 * 512 + 16 + 3);
  const auto leaf_at = [&](u64 page) {
    return world_->mmu.outcomes(0, (start + page * kPageSize).value()).hits.at(0).leaf;
  };
  EXPECT_EQ(leaf_at(0).level, 2u);
  EXPECT_EQ(leaf_at(512).level, 2u);
  EXPECT_EQ(leaf_at(1024).level, 3u);
  EXPECT_TRUE(leaf_at(1024).contiguous);
  EXPECT_TRUE(leaf_at(1039).contiguous);
  EXPECT_FALSE(leaf_at(1040).contiguous);
  EXPECT_FALSE(leaf_at(1042).contiguous);
  must_free(start);
}

/// With no two free frames side by side, the same request is served page by page.
TEST_F(VmallocCoreTest, FragmentedMemoryServesAsWell) {
  world_->pool.largest_order = 0;
  const VirtAddr start = must_allocate(1050);
  const auto hit = world_->mmu.outcomes(0, start.value()).hits.at(0);
  EXPECT_EQ(hit.leaf.level, 3u);
  EXPECT_FALSE(hit.leaf.contiguous);
  EXPECT_EQ(world_->check_mapped(pages_from(start, 1050)).size(), 1050u);
  must_free(start);
  core_->flush();
  EXPECT_EQ(world_->pool.in_use(), 0u);
}

/// Runs, but no blocks: 4 MiB are 64 runs, and they come back as runs.
TEST_F(VmallocCoreTest, RunsServeWhereBlocksAreGone) {
  world_->pool.largest_order = 4;
  const VirtAddr start = must_allocate(1024);
  const auto hit = world_->mmu.outcomes(0, start.value()).hits.at(0);
  EXPECT_EQ(hit.leaf.level, 3u);
  EXPECT_TRUE(hit.leaf.contiguous);
  must_free(start);
  core_->flush();
  EXPECT_EQ(world_->pool.in_use(), 0u);

  // When memory allows blocks again, addresses that have no tables are still there for them.
  world_->pool.largest_order = 10;
  const VirtAddr again = must_allocate(1024);
  EXPECT_EQ(world_->mmu.outcomes(0, again.value()).hits.at(0).leaf.level, 2u);
  must_free(again);
}

/// Where a table is in the way of a block, pages serve.
TEST_F(VmallocCoreTest, PagesServeWhereATableIsInTheWay) {
  const VirtAddr start = must_allocate(1024);
  must_free(start);
  core_->flush();
  auto& tables = Backing{world_.get()}.tables();
  ASSERT_TRUE(tables.reach(start + 2_MiB, Level::L3).has_value());
  EXPECT_EQ(must_allocate(1024), start);
  EXPECT_EQ(world_->check_mapped(pages_from(start, 1024)).size(), 1024u);
  EXPECT_EQ(world_->mmu.outcomes(0, start.value()).hits.at(0).leaf.level, 2u);
  EXPECT_EQ(world_->mmu.outcomes(0, (start + 2_MiB).value()).hits.at(0).leaf.level, 3u);
  must_free(start);
  core_->flush();
  EXPECT_EQ(world_->pool.in_use(), 0u);
}

/// Zeroed content means that every frame was cleared before it was mapped.
TEST_F(VmallocCoreTest, ZeroedAreasAreZeroed) {
  for (const u64 pages : {1, 20, 600}) {
    world_->zeroed.clear();
    const Result<VirtAddr> area = allocate(pages, kPageSize, Content::zeroed);
    ASSERT_TRUE(area.has_value());
    for (const Frame frame : world_->check_mapped(pages_from(area.value(), pages)))
      EXPECT_TRUE(world_->zeroed.contains(frame.number()));
    must_free(area.value());
  }
  world_->zeroed.clear();
  must_free(must_allocate(20));
  EXPECT_TRUE(world_->zeroed.empty());
}

/// Until the TLBs have forgotten it, a freed address is not given out again, and its frames are not
/// free.
TEST_F(VmallocCoreTest, NeitherAddressNorFrameIsReusedBeforeTheInvalidation) {
  open(kRegion, /*lazy_limit=*/1'000'000);
  std::set<u64> seen;
  for (int i = 0; i < 300; ++i) {
    const VirtAddr start = must_allocate(1 + i % 3);
    EXPECT_TRUE(seen.insert(start.value()).second) << "given out twice before a flush";
    world_->check_mapped(pages_from(start, 1));
    must_free(start);
  }
  EXPECT_EQ(world_->pool.in_use(), 600u);
  EXPECT_EQ(core_->stats().flushes, 0u);
  core_->flush();
  EXPECT_EQ(world_->pool.in_use(), 0u);
  EXPECT_EQ(core_->stats().flushes, 1u);
  core_->flush();
  EXPECT_EQ(core_->stats().flushes, 1u) << "nothing was left to flush";
  bool again = false;
  for (int i = 0; i < 400; ++i) again |= seen.contains(must_allocate(1).value());
  EXPECT_TRUE(again) << "now it may come again";
}

/// 64 pages may wait: 1000 pairs of one page make one invalidation for each 64.
TEST_F(VmallocCoreTest, OneInvalidationServesManyFrees) {
  for (int i = 0; i < 1000; ++i) must_free(must_allocate(1));
  EXPECT_EQ(core_->stats().flushes, 15u);
}

/// After the first rounds the same areas, with the same frames, come again: neither the frame
/// allocator nor the records are asked. vmalloc_flush() gives all frames back.
TEST_F(VmallocCoreTest, FreedAreasStayWarmUpToALimit) {
  for (int i = 0; i < 400; ++i) must_free(must_allocate(1));
  const u64 attempts = world_->pool.attempts();
  for (int i = 0; i < 1000; ++i) must_free(must_allocate(1));
  EXPECT_EQ(world_->pool.attempts(), attempts);
  EXPECT_LE(world_->pool.in_use(), kLazyLimit + 2 * kLazyLimit);
  EXPECT_GE(core_->stats().lazy_frames, world_->pool.in_use());
  core_->flush();
  EXPECT_EQ(world_->pool.in_use(), 0u);
  EXPECT_EQ(core_->stats().lazy_frames, 0u);
}

/// Areas of one size that lie around warm do not keep another size from becoming warm.
TEST_F(VmallocCoreTest, WarmAreasMakeRoomForOtherSizes) {
  for (const u64 pages : {1, 4, 16, 2, 60, 7, 1}) {
    SCOPED_TRACE(testing::Message() << pages << " pages");
    for (int i = 0; i < 600; ++i) must_free(must_allocate(pages));
    const u64 attempts = world_->pool.attempts();
    for (int i = 0; i < 100; ++i) must_free(must_allocate(pages));
    EXPECT_EQ(world_->pool.attempts(), attempts);
  }
}

/// Whatever sizes come and go, on whichever CPU: what is kept without a holder is limited.
TEST_F(VmallocCoreTest, WhatIsKeptWarmIsLimited) {
  std::mt19937_64 random(test_seed());
  for (int i = 0; i < 2000; ++i) {
    arch::fake_cpu = random() % 2;
    must_free(must_allocate(1 + random() % 100));
    // Two CPUs' lazy and warm lists, the depot, and the area that went over the limit.
    ASSERT_LE(world_->pool.in_use(), 2 * (kLazyLimit + 127 + 2 * kLazyLimit) + 2 * kLazyLimit);
  }
  core_->flush();
  EXPECT_EQ(world_->pool.in_use(), 0u);
}

/// A warm area serves a smaller and a larger request: pages beyond the request stay invisible,
/// pages beyond its frames get new ones, and a run that is cut is contiguous no more.
TEST_F(VmallocCoreTest, AWarmAreaServesOtherSizes) {
  open(kRegion, 1'000);
  for (const u64 first : {127, 100, 64, 33, 40})
    for (const u64 second : {33, 40, 47, 48, 63, 64, 100, 127}) {
      SCOPED_TRACE(testing::Message() << first << " then " << second);
      core_->flush();
      std::vector<VirtAddr> areas;
      for (int i = 0; i < 10; ++i) areas.push_back(must_allocate(first));
      for (const VirtAddr area : areas) must_free(area);
      const u64 frames = world_->pool.in_use();
      const VirtAddr area = must_allocate(second);
      world_->mmu.end_operation();
      EXPECT_EQ(world_->check_mapped(pages_from(area, second)).size(), second);
      const u64 slot = second < 64 ? 64 : 128;
      for (u64 page = second; page < slot; ++page) world_->check_unmapped(area + page * kPageSize);
      EXPECT_LE(world_->pool.in_use(), frames + second);
      must_free(area);
    }
}

/// A holder may take rights away from its pages; the next one gets fresh ones.
TEST_F(VmallocCoreTest, TheRightsOfTheLastHolderDoNotStay) {
  open(kRegion, 64);
  const auto tables = Backing{world_.get()}.tables().mapper();
  for (int i = 0; i < 400; ++i) {
    const VirtAddr area = must_allocate(20);
    world_->mmu.end_operation();
    EXPECT_EQ(world_->check_mapped(pages_from(area, 20)).size(), 20u);
    auto mapper = tables;
    const VirtRange part(area + (i % 18) * kPageSize, 2 * kPageSize);
    ASSERT_TRUE(mapper.protect(part, kKernelRodata).has_value());
    must_free(area);
  }
  core_->flush();
  EXPECT_EQ(world_->pool.in_use(), 0u);
}

/// Zeroed content from a warm area is zeroed, too.
TEST_F(VmallocCoreTest, WarmAreasAreZeroedWhenAsked) {
  for (int i = 0; i < 200; ++i) must_free(must_allocate(4));
  world_->zeroed.clear();
  const Result<VirtAddr> area = allocate(5, kPageSize, Content::zeroed);
  for (const Frame frame : world_->check_mapped(pages_from(area.value(), 5)))
    EXPECT_TRUE(world_->zeroed.contains(frame.number()));
}

/// A mapping of somebody else's frames never gets an area that has frames of its own.
TEST_F(VmallocCoreTest, MappingsGetColdAreas) {
  for (int i = 0; i < 200; ++i) must_free(must_allocate(1));
  const u64 in_use = world_->pool.in_use();
  const Frame frame = Frame::from_number(0x4'0000);
  for (int i = 0; i < 100; ++i) {
    const VirtAddr mapped = map_frames({&frame, 1}, kKernelData).value();
    EXPECT_TRUE(core_->free_now(mapped, AreaKind::vmap).has_value());
    must_free(map_device(Frame::from_number(0x9000), 1).value(), AreaKind::ioremap);
  }
  core_->flush();
  EXPECT_EQ(world_->pool.in_use(), 0u) << "of " << in_use;
}

/// A short alignment loop must not turn address space into tables without end: what waits is
/// weighed by its addresses, too.
TEST_F(VmallocCoreTest, SmallAreasInLargeSlotsAreFlushedEarlier) {
  for (int i = 0; i < 64; ++i) must_free(must_allocate(1, 512_KiB));
  EXPECT_EQ(core_->stats().flushes, 16u);
}

/// A stack: 16 KiB at an odd multiple of 16 KiB, unmapped for 16 KiB below and for a page above,
/// for as many as fill several blocks.
TEST_F(VmallocCoreTest, KernelStacksAreSurroundedByUnmappedPages) {
  std::vector<VirtAddr> stacks;
  for (int i = 0; i < 150; ++i) {
    must_allocate(7);  // neighbours of other kinds
    const Result<VirtAddr> stack = allocate_stack();
    ASSERT_TRUE(stack.has_value());
    EXPECT_EQ(stack.value().value() % 0x8000, 0x4000u);
    stacks.push_back(stack.value());
  }
  for (const VirtAddr stack : stacks) {
    EXPECT_EQ(world_->check_mapped({stack, 16_KiB}).size(), 4u);
    for (u64 below = kPageSize; below <= 16_KiB; below += kPageSize)
      world_->check_unmapped(stack - below);
    world_->check_unmapped(stack + 16_KiB);
    must_free(stack, AreaKind::kernel_stack);
  }
}

/// Somebody else's frames are mapped in the order given, with the rights given, and forgotten by
/// every TLB when the unmap returns.
TEST_F(VmallocCoreTest, MappedFramesAreForgottenAtOnce) {
  std::vector<Frame> frames;
  for (int i = 0; i < 200; ++i) frames.push_back(Frame::from_number(0x4'0000 + (i * 7919) % 5000));
  for (const usize count : {1, 2, 16, 127, 128, 200}) {
    const std::span<const Frame> some(frames.data(), count);
    const Result<VirtAddr> area = map_frames(some, kKernelRodata);
    ASSERT_TRUE(area.has_value());
    world_->mmu.end_operation();
    const auto seen = world_->check_mapped(pages_from(area.value(), count), kKernelRodata);
    EXPECT_TRUE(std::ranges::equal(seen, some));
    EXPECT_EQ(core_->free(area.value(), AreaKind::vmalloc).error().code, Errc::not_allocated);
    ASSERT_TRUE(core_->free_now(area.value(), AreaKind::vmap).has_value());
    world_->mmu.end_operation();
    for (usize i = 0; i < count; ++i) world_->check_unmapped(area.value() + i * kPageSize);
  }
  EXPECT_EQ(world_->pool.attempts(), 0u);
  EXPECT_EQ(core_->stats().flushes, 0u);
}

/// A device's registers: device memory at consecutive frames, in blocks where a large device
/// allows.
TEST_F(VmallocCoreTest, DevicesAreMappedAsDevices) {
  for (const auto& [first, pages] : std::vector<std::pair<u64, u64>>{
           {0x0'9000, 1}, {0x0'a000, 32}, {0x1'0000, 1536}, {0x1'0001, 700}}) {
    const Result<VirtAddr> area = map_device(Frame::from_number(first), pages);
    ASSERT_TRUE(area.has_value());
    const auto seen = world_->check_mapped(pages_from(area.value(), pages), kDeviceRegisters);
    for (u64 i = 0; i < pages; ++i) EXPECT_EQ(seen.at(i).number(), first + i);
    const unsigned level = world_->mmu.outcomes(0, area.value().value()).hits.at(0).leaf.level;
    EXPECT_EQ(level, pages == 1536 ? 2u : 3u);
    must_free(area.value(), AreaKind::ioremap);
    world_->check_no_walk(area.value());
  }
  core_->flush();
  EXPECT_EQ(world_->pool.attempts(), 0u);
}

/// The list is in order of address and says everything about each area.
TEST_F(VmallocCoreTest, TheListNamesEveryAreaInOrder) {
  const VirtAddr one = must_allocate(1), big = must_allocate(2000), three = must_allocate(3);
  const VirtAddr stack = allocate_stack().value();
  const VirtAddr device = map_device(Frame::from_number(0x9000), 2).value();
  const VirtAddr freed = must_allocate(1);
  must_free(freed);

  const std::vector<AreaInfo> areas = list();
  ASSERT_EQ(areas.size(), 6u);
  EXPECT_EQ(areas[0].kind, AreaKind::image);
  EXPECT_EQ(areas[0].name, "image");
  EXPECT_EQ(areas[0].range, VirtRange(kRegion.start(), 1_MiB));
  for (usize i = 1; i < areas.size(); ++i) {
    EXPECT_GE(areas[i].range.start(), areas[i - 1].range.end());
    EXPECT_EQ(areas[i].caller, this);
  }
  const auto find = [&](VirtAddr start) {
    return *std::ranges::find_if(areas,
                                 [&](const AreaInfo& a) { return a.range.start() == start; });
  };
  EXPECT_EQ(find(one).range.size(), kPageSize);
  EXPECT_EQ(find(big).range.size(), 2000 * kPageSize);
  EXPECT_EQ(find(three).kind, AreaKind::vmalloc);
  EXPECT_EQ(find(stack).kind, AreaKind::kernel_stack);
  EXPECT_EQ(find(device).kind, AreaKind::ioremap);
  EXPECT_EQ(find(device).phys, PhysAddr(0x0900'0000));

  const VmallocStats stats = core_->stats();
  EXPECT_EQ(stats.total, u64{1} << 40);
  EXPECT_EQ(stats.frames, 1u + 2000 + 3 + 4);
  EXPECT_EQ(stats.used, 1_MiB + (1 + 2000 + 3 + 4 + 2) * kPageSize);
  EXPECT_EQ(stats.lazy_frames, 1u);
  EXPECT_EQ(stats.blocks, 3u) << "of slots for one page, for three, and for stacks";
}

/// Whatever address and kind are given, only the start of an area of that kind is freed, and once.
TEST_F(VmallocCoreTest, BadFreesAreRefusedAndChangeNothing) {
  const VirtAddr small = must_allocate(3), large = must_allocate(300);
  const VirtAddr stack = allocate_stack().value();
  const VirtAddr device = map_device(Frame::from_number(0x9000), 2).value();
  const VirtAddr gone = must_allocate(2);
  must_free(gone);
  const u64 in_use = world_->pool.in_use();
  const auto before = list();

  std::vector<u64> addresses{0,
                             1,
                             ~u64{0},
                             u64{1} << 63,
                             0x0001'0000'0000'0000,
                             gone.value(),
                             kRegion.start().value(),
                             kRegion.end().value(),
                             0xffff'0000'0000'0000};
  for (const VirtAddr area : {small, large, stack, device, gone})
    for (const i64 offset :
         {-32768, -16384, -4096, -1, 1, 8, 4095, 4096, 8192, 12288, 16384, 0x200000})
      addresses.push_back(area.value() + static_cast<u64>(offset));
  std::mt19937_64 random(test_seed());
  for (int i = 0; i < 3000; ++i) {
    addresses.push_back(random());
    addresses.push_back(kRegion.start().value() + random() % kRegion.size());
    addresses.push_back(small.value() + random() % 4_MiB / 8 * 8 + 4);
  }
  for (const VirtAddr area : {small, large, stack, device}) std::erase(addresses, area.value());
  for (const u64 address : addresses)
    for (const AreaKind kind : {AreaKind::vmalloc, AreaKind::ioremap, AreaKind::kernel_stack}) {
      const Result<void> freed = core_->free(VirtAddr(address), kind);
      ASSERT_FALSE(freed.has_value()) << std::hex << address;
      EXPECT_EQ(freed.error(), (Error{Errc::not_allocated, address}));
      count_bad_input("vfree");
    }
  for (const VirtAddr area : {small, large, stack, device, gone})
    EXPECT_EQ(core_->free_now(area, AreaKind::vmap).error().code, Errc::not_allocated);
  EXPECT_EQ(core_->free(small, AreaKind::ioremap).error().code, Errc::not_allocated);
  EXPECT_EQ(world_->pool.in_use(), in_use);
  EXPECT_EQ(list().size(), before.size());
  must_free(small);
  must_free(large);
  EXPECT_EQ(core_->free(small, AreaKind::vmalloc).error().code, Errc::not_allocated);
  EXPECT_EQ(core_->free(large, AreaKind::vmalloc).error().code, Errc::not_allocated);
  core_->flush();
  EXPECT_EQ(core_->free(small, AreaKind::vmalloc).error().code, Errc::not_allocated);
  EXPECT_EQ(core_->free(large, AreaKind::vmalloc).error().code, Errc::not_allocated);
}

/// Where no walk is needed, the entry is the one that a walk finds.
TEST_F(VmallocCoreTest, TheEntryOfASlotIsKnownWithoutAWalk) {
  for (const u64 pages : {1, 3, 100, 511}) {
    const VirtAddr start = must_allocate(pages);
    const auto frames = world_->check_mapped(pages_from(start, pages));
    for (u64 i = 0; i < pages; ++i)
      EXPECT_EQ(core_->entry_of(start + i * kPageSize + 5).output(), frames.at(i));
    EXPECT_EQ(core_->entry_of(start + pages * kPageSize).raw(), 0u);
  }
  for (const VirtAddr elsewhere : {must_allocate(512), kRegion.start(), kRegion.end(), VirtAddr(0)})
    EXPECT_EQ(core_->entry_of(elsewhere).raw(), 0u);
  EXPECT_EQ(core_->entry_of(kRegion.start() + 4_GiB).raw(), 0u) << "no block there yet";
}

/// What an image part covers cannot be registered twice, nor given out.
TEST_F(VmallocCoreTest, TheImageIsTaken) {
  EXPECT_EQ(
      core_->add_image({kRegion.start() + 1_MiB - kPageSize, 2 * kPageSize}, "x").error().code,
      Errc::already_mapped);
  EXPECT_EQ(core_->add_image({kRegion.start() + 4_MiB, kPageSize}, "in the slots").error().code,
            Errc::already_mapped);
  EXPECT_EQ(core_->free(kRegion.start(), AreaKind::vmalloc).error().code, Errc::not_allocated);
  EXPECT_GE(must_allocate(300).value(), kRegion.start().value() + 1_MiB);
}

/// What is in use, by everything that could be left behind.
struct Usage {
  u64 frames, tables, records, areas;
  friend bool operator==(const Usage&, const Usage&) = default;
};

/// Makes allocations fail, and looks at what is left.
class VmallocFailureTest : public VmallocCoreTest {
 protected:
  Usage usage() {
    return {world_->pool.in_use(), world_->memory.in_use(), world_->records.size(), list().size()};
  }

  /// Makes the k-th allocation (of frames, then of records) and all after it fail, for every k,
  /// until `attempt` gets through; `undo` takes back what it then got.
  template <typename Try, typename Undo>
  void fail_everywhere(Try&& attempt, Undo&& undo) {
    // Tables and blocks of slots stay for the next time. In the second round they are all there.
    for (const bool growth_allowed : {true, false}) {
      undo(attempt());
      core_->flush();
      const Usage before = usage();
      const auto check = [&] {
        Usage after = usage();
        if (growth_allowed) after.tables = before.tables;
        ASSERT_EQ(after, before);
      };
      fail_frames(attempt, undo, check);
      fail_records(attempt, undo, check);
    }
  }

 private:
  template <typename Try, typename Undo>
  void fail_frames(Try&& attempt, Undo&& undo, const std::function<void()>& check) {
    for (u64 k = 1;; ++k) {
      const u64 attempts = world_->pool.attempts();
      world_->pool.fail_from(k);
      Result<VirtAddr> area = attempt();
      world_->pool.fail_from(0);
      if (area.has_value()) {
        undo(std::move(area));
        core_->flush();
        return;
      }
      EXPECT_EQ(area.error().code, Errc::out_of_frames);
      SCOPED_TRACE(testing::Message() << "frame " << k);
      check();
      if (HasFatalFailure()) return;
      world_->mmu.end_operation();
      count_injections("vmalloc: frames", world_->pool.attempts() - attempts - k + 1);
    }
  }
  template <typename Try, typename Undo>
  void fail_records(Try&& attempt, Undo&& undo, const std::function<void()>& check) {
    for (u64 k = 1;; ++k) {
      const u64 attempts = world_->record_attempts;
      world_->fail_record_from = attempts + k;
      Result<VirtAddr> area = attempt();
      world_->fail_record_from = 0;
      const bool was_refused = world_->record_attempts >= attempts + k;
      if (!was_refused) {
        undo(std::move(area));
        core_->flush();
        return;
      }
      EXPECT_EQ(area.error().code, Errc::out_of_frames);
      SCOPED_TRACE(testing::Message() << "record " << k);
      check();
      if (HasFatalFailure()) return;
      count_injections("vmalloc: records");
    }
  }
};

/// Whichever frame or record cannot be had: the same error, and nothing left behind.
TEST_F(VmallocFailureTest, RunningOutAnywhereLeavesNothingBehind) {
  const auto undo = [&](Result<VirtAddr> area) { must_free(area.value()); };
  for (const unsigned largest_order : {10u, 4u, 0u})
    for (const u64 pages : {1, 2, 15, 16, 40, 127, 128, 160, 530, 1100}) {
      if (largest_order == 0 && pages > 160) continue;  // the same again, a thousand times
      SCOPED_TRACE(testing::Message() << pages << " pages, blocks up to order " << largest_order);
      world_->pool.largest_order = largest_order;
      fail_everywhere([&] { return allocate(pages); }, undo);
      if (HasFatalFailure()) return;
    }
}

TEST_F(VmallocFailureTest, StacksAndMappingsFailTheSameWay) {
  fail_everywhere([&] { return allocate_stack(); },
                  [&](Result<VirtAddr> area) { must_free(area.value(), AreaKind::kernel_stack); });
  const std::vector<Frame> frames(300, Frame::from_number(0x4'0000));
  fail_everywhere([&] { return map_frames(frames, kKernelData); },
                  [&](Result<VirtAddr> area) {
                    EXPECT_TRUE(core_->free_now(area.value(), AreaKind::vmap).has_value());
                  });
  fail_everywhere([&] { return map_device(Frame::from_number(0x9000), 1200); },
                  [&](Result<VirtAddr> area) { must_free(area.value(), AreaKind::ioremap); });
}

/// In a fresh region, where blocks of slots and tables are missing too: each may be refused. What
/// an attempt added stays for the next one, so that attempts without end use no more and no more.
TEST_F(VmallocFailureTest, RunningOutOfTablesLeavesNoFramesBehind) {
  for (const u64 pages : {1, 100, 300, 1500}) {
    for (u64 k = 1;; ++k) {
      open(kRegion);
      world_->pool.largest_order = 0;
      world_->memory.fail_allocation(k);
      const Result<VirtAddr> area = allocate(pages);
      if (world_->memory.failures() == 0) {
        EXPECT_TRUE(area.has_value());
        break;
      }
      // The second attempt, after a flush, succeeds: only one allocation was refused.
      count_injections("vmalloc: tables");
      ASSERT_TRUE(area.has_value());
      EXPECT_EQ(world_->check_mapped(pages_from(area.value(), pages)).size(), pages);
      EXPECT_EQ(world_->pool.in_use(), pages);
      must_free(area.value());
      core_->flush();
      EXPECT_EQ(world_->pool.in_use(), 0u);
    }
  }
}

/// A pool with too few tables: refused again and again, and nothing grows.
TEST_F(VmallocFailureTest, AttemptsWithoutTablesDoNotPileUp) {
  for (usize tables = 1; tables < 6; ++tables) {
    core_.reset();
    world_ = std::make_unique<VmallocWorld>(8192, tables);
    core_ = std::make_unique<Core>(Backing{world_.get()});
    ASSERT_TRUE(core_->start(kRegion, {kRegion.start(), 1_MiB}, kLazyLimit).has_value());
    std::optional<Usage> first;
    for (int i = 0; i < 5; ++i) {
      const Result<VirtAddr> area = allocate(1500);
      if (area.has_value()) break;
      EXPECT_EQ(area.error().code, Errc::out_of_frames);
      if (!first) first = usage();
      EXPECT_EQ(usage(), *first);
      EXPECT_EQ(world_->pool.in_use(), 0u);
    }
  }
}

/// What waits for a flush is memory that an allocation may need: it flushes before it refuses.
TEST_F(VmallocCoreTest, AnAllocationFlushesBeforeItRefuses) {
  open(kRegion, /*lazy_limit=*/1'000'000, /*frames=*/64);
  must_free(must_allocate(40));
  EXPECT_EQ(world_->pool.in_use(), 40u);
  const VirtAddr area = must_allocate(60);
  EXPECT_EQ(world_->pool.in_use(), 60u);
  EXPECT_EQ(allocate(5).error().code, Errc::out_of_frames);
  EXPECT_EQ(world_->pool.in_use(), 60u);
  must_free(area);
  must_allocate(64);
}

/// A region of 16 MiB is used up, first in slots, then in the tree; what is freed can be had again.
TEST_F(VmallocCoreTest, ASmallRegionCanBeUsedUpAndComesBack) {
  open(kSmallRegion, 1'000'000, 8192);
  std::vector<usize> counts;
  for (int round = 0; round < 3; ++round) {
    std::vector<VirtAddr> areas;
    for (;;) {
      const Result<VirtAddr> area = allocate(1 + areas.size() % 30);
      if (!area.has_value()) {
        EXPECT_EQ(area.error().code, Errc::out_of_address_space);
        break;
      }
      areas.push_back(area.value());
    }
    counts.push_back(areas.size());
    EXPECT_EQ(allocate(8000).error().code, Errc::out_of_address_space);
    for (const VirtAddr area : areas) must_free(area);
    core_->flush();
    EXPECT_EQ(world_->pool.in_use(), 0u);
  }
  EXPECT_GT(counts[0], 100u);
  EXPECT_EQ(counts[1], counts[2]);
  world_->mmu.end_operation();
}

/// A stack needs its slot: it is not taken from the tree, where its guards would not be.
TEST_F(VmallocCoreTest, StacksAreRefusedWhenSlotsAreUsedUp) {
  open(kSmallRegion);
  usize stacks = 0;
  for (Result<VirtAddr> stack = allocate_stack(); stack.has_value(); stack = allocate_stack()) {
    EXPECT_EQ(stack.value().value() % 0x8000, 0x4000u);
    ++stacks;
  }
  EXPECT_EQ(allocate_stack().error().code, Errc::out_of_address_space);
  EXPECT_GE(stacks, 3u * 63);
  EXPECT_TRUE(allocate(7).has_value()) << "the tree still has room";
}

/// Random requests of every kind on several CPUs against a model, judged after each.
class RandomVmalloc {
 public:
  RandomVmalloc(VmallocWorld& world, Core& core, u64 seed)
      : world_(world), core_(core), random_(seed) {}

  void step() {
    arch::fake_cpu = random_() % 4;
    if (random_() % 64 == 0) world_.pool.largest_order = random_() % 11;
    if (random_() % 100 == 0) {
      core_.flush();
      world_.mmu.end_operation();
    }
    const bool full = world_.pool.in_use() > 6000 || areas_.size() > 60;
    if (!full && random_() % 2 == 0)
      allocate();
    else
      free();
    ASSERT_EQ(world_.mmu.text(), "");
  }

  void finish() {
    while (!areas_.empty()) free();
    core_.flush();
    EXPECT_EQ(world_.pool.in_use(), 0u);
    EXPECT_EQ(core_.stats().frames, 0u);
    world_.mmu.end_operation();
  }

 private:
  struct Held {
    VirtRange range;
    AreaKind kind;
    std::vector<Frame> frames;
  };

  u64 random_pages() {
    switch (random_() % 24) {
      case 0:
        return 100 + random_() % 100;
      case 1:
        return 512 + random_() % 700;
      default:
        return 1 + random_() % 24;
    }
  }

  void allocate() {
    const u64 pages = random_pages();
    const u64 alignment = random_() % 3 == 0 ? u64{1} << random_() % 23 : kPageSize;
    switch (random_() % 8) {
      case 0: {
        const Core::Request request{AreaKind::kernel_stack, 4, 32_KiB, kStackClass, this};
        return keep(core_.allocate(request, own()), 4, AreaKind::kernel_stack, 32_KiB / 2);
      }
      case 1: {
        std::vector<Frame> frames;
        for (u64 i = 0; i < pages; ++i) frames.push_back(Frame::from_number(random_() % 0x1'0000));
        const Core::Request request{AreaKind::vmap, pages, kPageSize, class_for(pages, kPageSize),
                                    this};
        const GivenFrames<arch::Entry> given(frames, kKernelData);
        return keep(core_.allocate(request, GivenFrames(given)), pages, AreaKind::vmap, 1);
      }
      default: {
        const Core::Request request{AreaKind::vmalloc, pages, alignment,
                                    class_for(pages, alignment), this};
        return keep(core_.allocate(request, own()), pages, AreaKind::vmalloc, alignment);
      }
    }
  }
  OwnFrames<Backing> own() { return OwnFrames<Backing>(Content::stale, Backing{&world_}); }

  void keep(Result<VirtAddr> area, u64 pages, AreaKind kind, u64 alignment) {
    ASSERT_TRUE(area.has_value());
    world_.mmu.end_deferred_operation();
    const VirtRange range = pages_from(area.value(), pages);
    EXPECT_TRUE(range.start().is_aligned(alignment));
    for (const Held& other : areas_) {
      EXPECT_FALSE(other.range.overlaps({range.start(), range.size() + kPageSize}));
      EXPECT_FALSE(range.overlaps({other.range.start(), other.range.size() + kPageSize}));
    }
    areas_.push_back({range, kind, world_.check_mapped(range)});
    world_.check_no_walk(range.end());
  }

  void free() {
    if (areas_.empty()) return;
    std::swap(areas_[random_() % areas_.size()], areas_.back());
    const Held held = std::move(areas_.back());
    areas_.pop_back();
    for (usize i = 0; i < held.frames.size(); i += 1 + random_() % 16)
      EXPECT_FALSE(world_.mmu.outcomes(0, (held.range.start() + i * kPageSize).value()).may_fault);
    if (held.kind == AreaKind::vmap) {
      EXPECT_TRUE(core_.free_now(held.range.start(), held.kind).has_value());
      world_.check_unmapped(held.range.start());
      return;
    }
    EXPECT_TRUE(core_.free(held.range.start(), held.kind).has_value());
    world_.mmu.end_deferred_operation();
    world_.check_no_walk(held.range.start());
  }

  VmallocWorld& world_;
  Core& core_;
  std::mt19937_64 random_;
  std::vector<Held> areas_;
};

TEST_F(VmallocCoreTest, RandomRequestsOnFourCpusAgreeWithTheModelMmu) {
  for (u64 round = 0; round < 4; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    open(round % 2 == 0 ? kRegion : VirtRange(kRegion.start(), 256_MiB));
    RandomVmalloc random(*world_, *core_, test_seed() + round);
    for (int i = 0; i < 500 && !HasFailure(); ++i) random.step();
    random.finish();
  }
}

/// One CPU allocates and another frees, for ever: areas travel back, and no new blocks are made.
TEST_F(VmallocCoreTest, AreasTravelBackFromTheCpuThatFreesThem) {
  std::vector<VirtAddr> areas;
  const auto round = [&] {
    arch::fake_cpu = 1;
    for (int i = 0; i < 100; ++i) areas.push_back(must_allocate(1));
    arch::fake_cpu = 2;
    for (const VirtAddr area : areas) must_free(area);
    areas.clear();
  };
  for (int i = 0; i < 20; ++i) round();
  const usize records = world_->records.size();
  for (int i = 0; i < 100; ++i) round();
  EXPECT_EQ(world_->records.size(), records);
}

/// Enough areas on one CPU that whole lists go through the depot.
TEST_F(VmallocCoreTest, ListsPassThroughTheDepot) {
  open(kRegion, 300, 8192);
  std::vector<VirtAddr> areas;
  for (int i = 0; i < 3000; ++i) areas.push_back(must_allocate(1));
  for (const VirtAddr area : areas) must_free(area);
  const usize records = world_->records.size();
  areas.clear();
  for (int i = 0; i < 2600; ++i) areas.push_back(must_allocate(1));
  EXPECT_EQ(world_->records.size(), records) << "no new blocks";
}

}  // namespace
}  // namespace meridian
