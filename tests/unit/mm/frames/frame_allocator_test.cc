// SPDX-License-Identifier: MIT
#include "mm/frames/frame_allocator.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fake_ram.h"
#include "free_blocks.h"
#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

constexpr u64 kStart = 0x4000'0000;
constexpr FrameOwner kKernel = FrameOwner::kernel;
constexpr ZoneKind kNormal = ZoneKind::normal;

PhysRange range(u64 start, u64 size) { return {PhysAddr(start), size}; }
Frame frame_at(u64 address) { return Frame(PhysAddr(address)); }

/// What a throwing `use` says.
template <typename Use>
std::string complaint(Use use) {
  try {
    use();
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "no complaint";
}

/// A block that a test holds.
struct Held {
  Frame frame;
  unsigned order;
};

void free_all(FrameAllocator& allocator, std::vector<Held>& held) {
  for (const Held& h : held) allocator.free(h.frame, h.order);
  held.clear();
}

void drain_all(FrameAllocator& allocator) {
  for (arch::fake_cpu = 0; arch::fake_cpu < arch::kMaxCpus; ++arch::fake_cpu)
    allocator.drain_cache();
  arch::fake_cpu = 0;
}

/// Takes blocks of an order until there are no more.
std::vector<Held> take_all(FrameAllocator& allocator, unsigned order, ZoneKind highest = kNormal) {
  std::vector<Held> held;
  while (const auto frame = allocator.alloc(order, kKernel, highest))
    held.push_back({frame.value(), order});
  return held;
}

// ---- Boot ----

/// Starting touches nothing: no part of the table is backed before the first frame is used.
TEST(FrameAllocator, TouchesNothingAtStart) {
  FakeRam ram({range(kStart, 8_GiB)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  EXPECT_TRUE(ram.backing.pages.empty());
  EXPECT_EQ(allocator.free_frames(), 8_GiB / 4096);
}

/// 128 MiB with an image of 2 MiB in it: what zoneinfo says before anything is used.
TEST(FrameAllocator, CountsUntouchedMemoryAsFree) {
  FakeRam ram({range(kStart, 128_MiB)}, {range(kStart + 2_MiB, 2_MiB)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));

  const ZoneStats dma = allocator.zone_stats(ZoneKind::dma);
  EXPECT_EQ(dma.span, (FrameRange{frame_at(kStart), 4096}));
  EXPECT_EQ(dma.present, 4096u);
  EXPECT_EQ(dma.managed, 4096u - 512);
  EXPECT_EQ(dma.free, 3584u);
  EXPECT_EQ(dma.untouched, 3584u);
  EXPECT_EQ(dma.blocks, (std::array<u64, 11>{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3}));
  const ZoneStats normal = allocator.zone_stats(kNormal);
  EXPECT_EQ(normal.present, 28'672u);
  EXPECT_EQ(normal.free, 28'672u);
  EXPECT_EQ(normal.blocks[10], 28u);
  const ZoneStats highmem = allocator.zone_stats(ZoneKind::highmem);
  EXPECT_EQ(highmem.present, 0u);
  EXPECT_EQ(highmem.span.count, 0u);
  EXPECT_EQ(allocator.stats().free, 32'256u);
}

/// The first frame costs the same however much RAM there is: one section's part of the table.
TEST(FrameAllocator, BacksOneSectionWhateverTheSizeOfRam) {
  for (const u64 size : {128_MiB, 1_GiB, 1_TiB, 32_TiB}) {
    SCOPED_TRACE(testing::Message() << size);
    FakeRam ram({range(kStart, size)});
    FrameAllocator allocator;
    ASSERT_TRUE(ram.start(allocator));
    EXPECT_EQ(allocator.free_frames(), size / 4096);
    const Frame frame = allocator.alloc(0, kKernel, kNormal).value();
    EXPECT_EQ(ram.backing.pages.size(), 128u) << "512 KiB";
    EXPECT_EQ(allocator.free_frames(), size / 4096 - 128 - 1);
    allocator.free(frame, 0);
  }
}

/// 32 TiB in pieces: the counts are right, each section is backed when its turn comes, and the
/// frames of a hole are never touched.
TEST(FrameAllocator, ManagesHugeSparseMemory) {
  FakeRam ram(
      {range(kStart, 100_MiB), range(kStart + 1_TiB, 1_MiB), range(kStart + 2_TiB, 30_TiB)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  const u64 all = (101_MiB + 30_TiB) / 4096;
  EXPECT_EQ(allocator.free_frames(), all);
  EXPECT_EQ(allocator.zone_stats(kNormal).span,
            (FrameRange{frame_at(kStart + 16_MiB), (32_TiB - 16_MiB) / 4096}));

  std::vector<Held> held;
  while (held.size() < 40) held.push_back({allocator.alloc(10, kKernel, kNormal).value(), 10});
  // 84 MiB less 400 KiB of table in the first bank, nothing in the second, then the third.
  for (usize i = 0; i < held.size(); ++i)
    EXPECT_EQ(held[i].frame.address().value() & ~(128_MiB - 1), i < 20 ? kStart : kStart + 2_TiB);
  EXPECT_EQ(ram.backing.pages.size(), 100u + 4 + 128);
  EXPECT_EQ(allocator.free_frames(), all - 40 * 1024 - ram.backing.frames());
  free_all(allocator, held);
  EXPECT_EQ(allocator.free_frames(), all - ram.backing.frames());
}

/// RAM that the table's region cannot describe, or that lies below the linear map, is refused
/// whole.
TEST(FrameAllocator, RefusesRamThatTheTableCannotDescribe) {
  FakeRam ram({range(kStart, 128_MiB)}, {}, {.table_size = 124_MiB / 4096 * 16});
  FrameAllocator allocator;
  count_bad_input("frames_start");
  EXPECT_EQ(ram.start(allocator).error(), (Error{Errc::too_large, kStart}));
  EXPECT_EQ(allocator.free_frames(), 0u);
  EXPECT_EQ(allocator.state(frame_at(kStart)).owner, FrameOwner::none);
  EXPECT_EQ(allocator.stats().present, 0u);
  EXPECT_FALSE(allocator.alloc(0, kKernel, kNormal));

  FakeRam low({range(kStart, 128_MiB)});
  ASSERT_TRUE(low.map.add_bank(range(0x1000, 1_MiB)));
  count_bad_input("frames_start");
  EXPECT_EQ(low.start(allocator).error(), (Error{Errc::too_large, 0x1000}));
}

/// A machine without RAM has nothing, and says so.
TEST(FrameAllocator, LivesWithoutRam) {
  FakeRam ram({range(kStart, 4_MiB)});
  ram.map.limit_size(0);
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  EXPECT_EQ(allocator.alloc(0, kKernel, kNormal).error(), (Error{Errc::out_of_frames, 0}));
  EXPECT_EQ(allocator.stats().managed, 0u);
}

/// Three frames of RAM are too few for the part of the table that describes them.
TEST(FrameAllocator, FailsCleanlyWhenTheTableDoesNotFit) {
  FakeRam ram({range(kStart, 0x3000)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  EXPECT_EQ(allocator.free_frames(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(allocator.alloc(0, kKernel, kNormal));
}

/// A frame taken early is a table's, and can be freed like any other once its section is in use.
TEST(FrameAllocator, TakesOverFromTheEarlyAllocator) {
  FakeRam ram({range(kStart, 64_MiB)}, {}, {.early_frames = 5});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  EXPECT_EQ(ram.early_taken.front(), frame_at(kStart + 16_MiB));
  EXPECT_EQ(allocator.free_frames(), 64_MiB / 4096 - 5);
  EXPECT_EQ(allocator.state(ram.early_taken[4]).owner, FrameOwner::table) << "before";

  const u64 frames = take_all(allocator, 0).size();
  EXPECT_EQ(frames + ram.backing.frames() + 5, 64_MiB / 4096);
  for (const Frame frame : ram.early_taken) {
    EXPECT_EQ(allocator.state(frame).owner, FrameOwner::table) << "after";
    allocator.free(frame, 0);
  }
  EXPECT_EQ(allocator.free_frames(), 5u);
}

// ---- Blocks ----

/// D1: every order there is, contiguous and aligned; and the refusal above the largest.
TEST(FrameAllocator, GivesEveryOrderAndRefusesLargerOnes) {
  FakeRam ram({range(kStart, 64_MiB)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  for (unsigned order = 0; order <= 10; ++order) {
    const Frame frame = allocator.alloc(order, FrameOwner::user, kNormal).value();
    EXPECT_EQ(frame.number() % (u64{1} << order), 0u);
    const FrameState last = allocator.state(frame + ((u64{1} << order) - 1));
    EXPECT_EQ(last.owner, FrameOwner::user);
    EXPECT_EQ(last.first, frame);
    EXPECT_EQ(last.order, order);
    EXPECT_EQ(last.references, 1u);
    allocator.free(frame, order);
    EXPECT_EQ(allocator.state(frame).references, 0u);
  }
  for (const unsigned order : {11u, 12u, 63u, 64u, ~0u}) {
    count_bad_input("alloc_frames");
    EXPECT_EQ(allocator.alloc(order, kKernel, kNormal).error(), (Error{Errc::too_large, order}));
  }
}

/// All frames of a machine with holes and reservations: each is RAM, not reserved, given out once;
/// and when all have come back the free blocks are the only ones there can be.
TEST(FrameAllocator, GivesOutEveryFrameOnceAndJoinsThemAgain) {
  FakeRam ram({range(kStart, 50_MiB), range(kStart + 200_MiB, 90_MiB)},
              {range(kStart + 0x3000, 0x5000), range(kStart + 20_MiB, 2_MiB + 0x1000),
               range(kStart + 240_MiB, 0x1000)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  const u64 managed = 140_MiB / 4096 - 5 - 513 - 1;
  EXPECT_EQ(allocator.free_frames(), managed);

  std::vector<Held> held = take_all(allocator, 0);
  EXPECT_EQ(held.size() + ram.backing.frames(), managed);
  EXPECT_EQ(allocator.free_frames(), 0u);
  std::set<u64> seen;
  for (const Held& h : held) {
    EXPECT_TRUE(seen.insert(h.frame.number()).second) << "given out twice";
    EXPECT_TRUE(ram.map.is_ram(h.frame) && !ram.map.is_reserved(h.frame));
    EXPECT_FALSE(ram.backing.memory_frames.contains(h.frame.number()));
  }
  std::mt19937_64 random(test_seed() + 4);
  std::shuffle(held.begin(), held.end(), random);
  free_all(allocator, held);
  drain_all(allocator);

  FrameSet free(kStart / 4096, 300_MiB / 4096);
  for (const u64 number : seen) ASSERT_TRUE(free.add(number));
  std::array<u64, kMaxOrder + 1> blocks{};
  for (const ZoneKind kind : {ZoneKind::dma, kNormal})
    for (unsigned order = 0; order <= kMaxOrder; ++order)
      blocks[order] += allocator.zone_stats(kind).blocks[order];
  EXPECT_EQ(blocks, free_blocks(free));
}

/// Memory in 60 crumbs of one to four frames, with one piece that can hold the table's part for
/// them.
TEST(FrameAllocator, UsesCrumbs) {
  FakeRam ram({range(kStart, 4_MiB)});
  u64 crumbs = 0;
  for (u64 i = 0; i < 60; ++i) {
    const u64 size = 1 + i % 4;  // frames left free in each 16
    ASSERT_TRUE(ram.map.reserve(
        range(kStart + i * 0x1'0000 + size * 0x1000, 0x1'0000 - size * 0x1000), "between crumbs"));
    crumbs += size;
  }
  ASSERT_TRUE(ram.map.reserve(range(kStart + 0x3c'0000, 0x4'0000), "end"));
  FrameAllocator allocator;
  ram.backing.tables_per_call = 2;
  ASSERT_TRUE(ram.start(allocator));
  EXPECT_EQ(allocator.free_frames(), crumbs);

  std::vector<Held> held = take_all(allocator, 0);
  EXPECT_EQ(ram.backing.memory_frames.size(), 4u) << "the table's pages for 4 MiB";
  EXPECT_EQ(held.size(), crumbs - ram.backing.frames());
  free_all(allocator, held);
  drain_all(allocator);
  EXPECT_EQ(allocator.free_frames(), crumbs - ram.backing.frames());
}

// ---- Zones ----

/// DMA is kept for those who ask for it: NORMAL takes from it last.
TEST(FrameAllocator, TakesFromDmaLast) {
  FakeRam ram({range(kStart, 32_MiB)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  std::vector<Held> held;
  bool in_dma = false;
  while (const auto frame = allocator.alloc(3, kKernel, kNormal)) {
    const bool dma = frame.value() < frame_at(kStart + 16_MiB);
    EXPECT_TRUE(dma || !in_dma) << "back to NORMAL";
    in_dma = dma;
    EXPECT_EQ(allocator.zone_of(frame.value()), dma ? ZoneKind::dma : kNormal);
    held.push_back({frame.value(), 3});
  }
  EXPECT_TRUE(in_dma);
  EXPECT_EQ(allocator.zone_stats(ZoneKind::dma).free, 0u);
  free_all(allocator, held);
  drain_all(allocator);
  EXPECT_EQ(allocator.zone_stats(ZoneKind::dma).blocks[10], 4u) << "each went back to its zone";
}

/// Who needs DMA memory gets nothing else.
TEST(FrameAllocator, GivesDmaMemoryOnly) {
  FakeRam ram({range(kStart, 32_MiB)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  const std::vector<Held> held = take_all(allocator, 0, ZoneKind::dma);
  for (const Held& h : held) EXPECT_LT(h.frame, frame_at(kStart + 16_MiB));
  EXPECT_GT(held.size(), 3900u);
  EXPECT_TRUE(allocator.alloc(0, kKernel, kNormal));
}

/// RAM that starts in the middle of a block: the DMA zone ends on a block all the same.
TEST(FrameAllocator, EndsZonesBetweenBlocks) {
  FakeRam ram({range(kStart + 2_MiB, 30_MiB)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  EXPECT_EQ(allocator.zone_stats(ZoneKind::dma).span,
            (FrameRange{frame_at(kStart + 2_MiB), 18_MiB / 4096}));
  EXPECT_EQ(allocator.zone_stats(kNormal).span,
            (FrameRange{frame_at(kStart + 20_MiB), 12_MiB / 4096}));
}

/// With a linear map of 64 MiB the rest is HIGHMEM: taken first by those who can use it, never by
/// others.
TEST(FrameAllocator, ServesHighmem) {
  FakeRam ram({range(kStart, 300_MiB)}, {}, {.linear_size = 64_MiB});
  ram.backing.tables_per_call = 3;
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  EXPECT_EQ(allocator.zone_stats(ZoneKind::highmem).span,
            (FrameRange{frame_at(kStart + 64_MiB), 236_MiB / 4096}));

  std::vector<Held> low = take_all(allocator, 0);
  for (const Held& h : low) ASSERT_LT(h.frame, frame_at(kStart + 64_MiB));
  free_all(allocator, low);

  std::vector<Held> all = take_all(allocator, 0, ZoneKind::highmem);
  EXPECT_GE(all.front().frame, frame_at(kStart + 64_MiB));
  EXPECT_LT(all.back().frame, frame_at(kStart + 16_MiB)) << "DMA last";
  EXPECT_EQ(all.size() + ram.backing.frames(), 300_MiB / 4096);
  EXPECT_EQ(allocator.zone_of(all.front().frame), ZoneKind::highmem);
  free_all(allocator, all);
  drain_all(allocator);
  EXPECT_EQ(allocator.free_frames(), 300_MiB / 4096 - ram.backing.frames());
}

/// When no untouched memory is left below HIGHMEM, the tables that HIGHMEM's growth needs come from
/// the free lists.
TEST(FrameAllocator, GrowsHighmemWithTablesFromTheFreeLists) {
  FakeRam ram({range(kStart, 600_MiB)}, {}, {.linear_size = 64_MiB});
  ram.backing.tables_per_call = 2;
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  std::vector<Held> low = take_all(allocator, 0);
  const u64 kept = low.size();
  free_all(allocator, low);
  drain_all(allocator);

  std::vector<Held> high = take_all(allocator, 10, ZoneKind::highmem);
  EXPECT_GT(high.size(), 130u);
  std::vector<Held> rest = take_all(allocator, 0, ZoneKind::highmem);
  EXPECT_EQ(high.size() * 1024 + rest.size() + ram.backing.frames(), 600_MiB / 4096);
  low = take_all(allocator, 0);
  EXPECT_EQ(low.size(), 0u);
  EXPECT_GT(ram.backing.table_frames.size(), 4u);
  EXPECT_GT(kept, 0u);
  for (const u64 table : ram.backing.table_frames)
    EXPECT_EQ(allocator.state(Frame::from_number(table)).owner, FrameOwner::frame_table);
}

/// Names as Linux writes them.
TEST(FrameAllocator, NamesItsZonesAsLinuxDoes) {
  EXPECT_STREQ(name_of(ZoneKind::dma), "DMA");
  EXPECT_STREQ(name_of(ZoneKind::normal), "Normal");
  EXPECT_STREQ(name_of(ZoneKind::highmem), "HighMem");
  EXPECT_THROW(name_of(static_cast<ZoneKind>(9)), std::logic_error);
  FakeRam ram({range(kStart, 32_MiB)});
  FrameAllocator allocator;
  EXPECT_EQ(allocator.zone_of(frame_at(kStart)), ZoneKind::highmem) << "before there are bounds";
}

// ---- Bugs of others ----

class BadFree : public testing::Test {
 protected:
  BadFree() : ram_({range(kStart, 64_MiB)}, {range(kStart + 20_MiB, 1_MiB)}) {
    EXPECT_TRUE(ram_.start(allocator_));
  }
  Frame alloc(unsigned order) { return allocator_.alloc(order, kKernel, kNormal).value(); }
  std::string complaint_about_free(Frame frame, unsigned order) {
    count_bad_input("free_frames");
    const u64 before = allocator_.free_frames();
    const std::string text = complaint([&] { allocator_.free(frame, order); });
    EXPECT_EQ(allocator_.free_frames(), before);
    return text;
  }

  FakeRam ram_;
  FrameAllocator allocator_;
};

/// The second free of a frame is refused with its address and what became of it.
TEST_F(BadFree, FreeingTwiceIsCaught) {
  for (const unsigned order : {0u, 3u, 9u}) {
    const Frame frame = alloc(order);
    allocator_.free(frame, order);
    EXPECT_NE(complaint_about_free(frame, order).find("it is free"), std::string::npos);
  }
}

/// The complaint names the frame, the order asked, and the block's owner and order.
TEST_F(BadFree, FreeingWithAnotherOrderIsCaught) {
  const Frame frame = alloc(4);
  char expected[100];
  std::snprintf(expected, sizeof expected,
                "free of frame 0x%016lx order 3: it is kernel, order 4, with 1 references",
                frame.address().value());
  EXPECT_NE(complaint_about_free(frame, 3).find(expected), std::string::npos);
  EXPECT_NE(complaint_about_free(frame, 5).find("order 5: it is kernel"), std::string::npos);
  EXPECT_NE(complaint_about_free(frame, 40).find("order 40"), std::string::npos);
  allocator_.free(frame, 4);
}

/// A frame inside a block is not a block.
TEST_F(BadFree, FreeingTheMiddleOfABlockIsCaught) {
  const Frame frame = alloc(4);
  EXPECT_NE(complaint_about_free(frame + 1, 0).find("it is none"), std::string::npos);
  EXPECT_NE(complaint_about_free(frame + 8, 3).find("it is none"), std::string::npos);
}

/// A frame that others refer to still cannot be freed.
TEST_F(BadFree, FreeingAFrameWithReferencesIsCaught) {
  const Frame frame = alloc(0);
  allocator_.table()[frame].add_reference();
  EXPECT_NE(complaint_about_free(frame, 0).find("with 2 references"), std::string::npos);
  allocator_.table()[frame].drop_reference();
  allocator_.free(frame, 0);
}

/// What was never given out: reserved memory, memory behind the table.
TEST_F(BadFree, FreeingWhatWasNeverGivenOutIsCaught) {
  alloc(0);
  EXPECT_NE(complaint_about_free(frame_at(kStart + 20_MiB), 0), "no complaint");
  EXPECT_NE(complaint_about_free(Frame::from_number(*ram_.backing.memory_frames.begin()), 0),
            "no complaint");
}

/// Frames and orders that a person types, any of them: never a panic, and only what is held goes
/// back.
TEST_F(BadFree, TypedFramesAreChecked) {
  std::mt19937_64 random(test_seed() + 5);
  std::map<u64, unsigned> held;
  for (int i = 0; i < 40; ++i) {
    const unsigned order = static_cast<unsigned>(random() % 6);
    held[alloc(order).number()] = order;
  }
  const u64 first = kStart / 4096;
  const u64 edges[] = {0, 1, first - 1, first, first + 4096, ~u64{0}, ~u64{0} >> 12, u64{1} << 36};
  for (int i = 0; i < 6000; ++i) {
    u64 number =
        random() % 4 == 0 ? edges[random() % std::size(edges)] : first + random() % (70_MiB / 4096);
    if (random() % 8 == 0) number = held.begin()->first + random() % 4;
    const unsigned order = random() % 10 == 0 ? static_cast<unsigned>(random()) : random() % 6;
    const u64 before = allocator_.free_frames();
    const bool right = held.contains(number) && held[number] == order;
    if (!right) count_bad_input("try_free_frames");
    const Result<void> freed = allocator_.try_free(Frame::from_number(number), order, kKernel);
    ASSERT_EQ(freed.has_value(), right) << std::hex << number << " order " << order;
    if (right) {
      EXPECT_EQ(allocator_.free_frames(), before + (u64{1} << order));
      held.erase(number);
      held[alloc(order).number()] = order;
    } else {
      EXPECT_EQ(freed.error().code, Errc::not_allocated);
      EXPECT_EQ(allocator_.free_frames(), before);
    }
  }
  EXPECT_FALSE(allocator_.try_free(Frame::from_number(held.begin()->first), held.begin()->second,
                                   FrameOwner::user))
      << "somebody else's";
}

/// Writing to memory after freeing it is found when it is given out again.
TEST_F(BadFree, WritingAfterFreeIsCaught) {
  for (const unsigned order : {0u, 2u, 9u}) {
    const Frame frame = alloc(order);
    u8* const bytes = linear_map.pointer<u8>(frame);
    std::memset(bytes, 1, 4096 << order);
    allocator_.free(frame, order);
    EXPECT_EQ(bytes[17], kFramePoison);
    bytes[(4096 << order) - 1] = 0;
    EXPECT_NE(complaint([&] { take_all(allocator_, order); }).find("written_after_free"),
              std::string::npos);
    bytes[(4096 << order) - 1] = kFramePoison;
  }
}

// ---- Who has what ----

/// C6: the same frame, free, then owned, then free; and what the frames around are.
TEST(FrameAllocator, KnowsWhatEveryFrameIs) {
  FakeRam ram({range(kStart, 64_MiB)}, {range(kStart + 2_MiB, 2_MiB)}, {.early_frames = 2});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  const Frame untouched = frame_at(kStart + 40_MiB);
  EXPECT_EQ(allocator.state(untouched).owner, FrameOwner::free);
  EXPECT_EQ(allocator.state(untouched + 5).first, untouched) << "in the block that it will make";
  EXPECT_EQ(allocator.state(untouched + 5).order, 10u);
  EXPECT_EQ(allocator.state(frame_at(kStart + 2_MiB)).owner, FrameOwner::reserved);
  EXPECT_EQ(allocator.state(frame_at(kStart - 0x1000)).owner, FrameOwner::none);
  EXPECT_EQ(allocator.state(frame_at(kStart + 64_MiB)).owner, FrameOwner::none);

  const Frame frame = allocator.alloc(0, FrameOwner::user, kNormal).value();
  EXPECT_EQ(allocator.state(frame).owner, FrameOwner::user);
  EXPECT_EQ(allocator.state(frame).references, 1u);
  EXPECT_EQ(allocator.state(frame + 1).owner, FrameOwner::cached) << "came with the batch";
  allocator.free(frame, 0);
  EXPECT_EQ(allocator.state(frame).owner, FrameOwner::cached);
  allocator.drain_cache();
  const FrameState free = allocator.state(frame);
  EXPECT_EQ(free.owner, FrameOwner::free);
  EXPECT_EQ(free.references, 0u);
  EXPECT_LE(free.first, frame);

  EXPECT_EQ(allocator.state(frame_at(kStart + 2_MiB)).owner, FrameOwner::reserved) << "still";
  EXPECT_EQ(allocator.state(ram.early_taken[0]).owner, FrameOwner::table);
  const Frame behind_table = Frame::from_number(*ram.backing.memory_frames.begin());
  EXPECT_EQ(allocator.state(behind_table).owner, FrameOwner::frame_table);
}

/// Every frame of RAM belongs to somebody, and the counts say to whom.
TEST(FrameAllocator, CountsFramesByOwner) {
  FakeRam ram({range(kStart, 300_MiB)}, {range(kStart + 2_MiB, 2_MiB)}, {.early_frames = 3});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  ASSERT_TRUE(allocator.alloc(0, FrameOwner::user, kNormal));
  ASSERT_TRUE(allocator.alloc(5, FrameOwner::vmalloc, kNormal));
  ASSERT_TRUE(allocator.alloc(10, FrameOwner::user, kNormal));

  const FrameStats stats = allocator.stats();
  const auto owned = [&](FrameOwner owner) { return stats.by_owner[static_cast<usize>(owner)]; };
  EXPECT_EQ(owned(FrameOwner::user), 1025u);
  EXPECT_EQ(owned(FrameOwner::vmalloc), 32u);
  EXPECT_EQ(owned(FrameOwner::table), 3u);
  EXPECT_EQ(owned(FrameOwner::frame_table), ram.backing.frames());
  EXPECT_EQ(owned(FrameOwner::reserved), 512u);
  EXPECT_EQ(owned(FrameOwner::free) + owned(FrameOwner::cached), stats.free);
  u64 sum = 0;
  for (const u64 count : stats.by_owner) sum += count;
  EXPECT_EQ(sum, 300_MiB / 4096);
  EXPECT_EQ(stats.present, sum);
}

// ---- Several CPUs ----

/// A CPU's cache is its own: what one freed, another does not get from it, and both are counted.
TEST(FrameAllocator, KeepsACacheForEachCpu) {
  FakeRam ram({range(kStart, 64_MiB)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  const Frame frame = allocator.alloc(0, kKernel, kNormal).value();
  const u64 free = allocator.free_frames();
  arch::fake_cpu = 3;
  allocator.free(frame, 0);
  EXPECT_EQ(allocator.cached_frames(3), 1u);
  EXPECT_EQ(allocator.free_frames(), free + 1);
  arch::fake_cpu = 0;
  EXPECT_NE(allocator.alloc(0, kKernel, kNormal).value(), frame);
  arch::fake_cpu = 3;
  EXPECT_EQ(allocator.alloc(0, kKernel, kNormal).value(), frame);
  arch::fake_cpu = 0;
  EXPECT_EQ(arch::fake_irq_depth, 0);
}

/// A large block may be missing only what this CPU's cache keeps: then that is given back first.
TEST(FrameAllocator, DrainsItsCacheBeforeItGivesUp) {
  FakeRam ram({range(kStart, 32_MiB)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  std::vector<Held> large = take_all(allocator, 10);
  std::vector<Held> small = take_all(allocator, 0);
  allocator.free(large.back().frame, 10);
  large.pop_back();
  std::vector<Held> pieces;
  for (int i = 0; i < 1024; ++i)
    pieces.push_back({allocator.alloc(0, kKernel, kNormal).value(), 0});
  free_all(allocator, pieces);
  EXPECT_GT(allocator.zone_stats(kNormal).cached + allocator.zone_stats(ZoneKind::dma).free, 0u);
  EXPECT_TRUE(allocator.alloc(10, kKernel, kNormal));
}

/// Blocks of all orders, from all zones, on all CPUs, freed on any: no two overlap, all are
/// aligned, and the counts add up at every moment.
TEST(FrameAllocator, AgreesWithAModelOnAllCpus) {
  std::mt19937_64 random(test_seed() + 6);
  // HIGHMEM begins in the middle of a largest block: the frame below it is reserved.
  FakeRam ram({range(kStart, 80_MiB), range(kStart + 130_MiB, 70_MiB)},
              {range(kStart + 4_MiB, 0x7000), range(kStart + 150_MiB - 0x1000, 0x1000)},
              {.linear_size = 150_MiB, .early_frames = 7});
  ram.backing.tables_per_call = 1;
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  const u64 managed = allocator.free_frames();
  std::map<u64, Held> held;  // by first frame
  u64 held_frames = 0;

  for (int step = 0; step < 30'000; ++step) {
    arch::fake_cpu = static_cast<unsigned>(random() % arch::kMaxCpus);
    const bool filling = step / 3000 % 2 == 0;
    if (held.empty() || random() % 100 < (filling ? 65u : 35u)) {
      const unsigned order =
          std::min(static_cast<unsigned>(std::countr_zero(random() | 1 << 12)), 10u);
      const ZoneKind highest = static_cast<ZoneKind>(random() % 3);
      const auto frame = allocator.alloc(order, kKernel, highest);
      if (!frame) {
        EXPECT_EQ(frame.error(), (Error{Errc::out_of_frames, order}));
        continue;
      }
      const u64 number = frame.value().number(), size = u64{1} << order;
      ASSERT_EQ(number % size, 0u);
      ASSERT_LE(allocator.zone_of(frame.value()), highest);
      const auto next = held.lower_bound(number);
      ASSERT_TRUE(next == held.end() || next->first >= number + size) << "overlaps";
      if (next != held.begin()) {
        const auto& [before, block] = *std::prev(next);
        ASSERT_LE(before + (u64{1} << block.order), number) << "overlaps";
      }
      held[number] = {frame.value(), order};
      held_frames += size;
    } else {
      auto it = held.lower_bound(kStart / 4096 + random() % (200_MiB / 4096));
      if (it == held.end()) it = held.begin();
      allocator.free(it->second.frame, it->second.order);
      held_frames -= u64{1} << it->second.order;
      held.erase(it);
    }
    if (step % 50 == 0) {
      ASSERT_EQ(allocator.free_frames() + held_frames + ram.backing.frames(), managed);
    }
  }
  for (const auto& [number, block] : held) allocator.free(block.frame, block.order);
  drain_all(allocator);
  EXPECT_EQ(allocator.free_frames() + ram.backing.frames(), managed);
  EXPECT_EQ(arch::fake_irq_depth, 0);
}

/// The same with CPUs that really run at once: each checks that nobody else writes to what it
/// holds.
TEST(FrameAllocator, SurvivesCpusAtOnce) {
  FakeRam ram({range(kStart, 96_MiB)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  constexpr unsigned kCpus = 4;
  std::atomic<unsigned> wrong = 0;
  const auto work = [&](unsigned cpu) {
    arch::fake_cpu = cpu;
    std::mt19937_64 random(test_seed() + 7 + cpu);
    std::vector<Held> held;
    const auto mark = [&](const Held& h) -> u64& { return *linear_map.pointer<u64>(h.frame); };
    for (int step = 0; step < 3000; ++step) {
      if (held.size() < 200 && random() % 2 == 0) {
        const Held h{Frame(), static_cast<unsigned>(random() % 7)};
        const auto frame = allocator.alloc(h.order, kKernel, kNormal);
        if (!frame) continue;
        held.push_back({frame.value(), h.order});
        mark(held.back()) = frame.value().number() << 8 | cpu;
      } else if (!held.empty()) {
        std::swap(held[random() % held.size()], held.back());
        const Held h = held.back();
        held.pop_back();
        if (mark(h) != (h.frame.number() << 8 | cpu)) ++wrong;
        allocator.free(h.frame, h.order);
      }
    }
    free_all(allocator, held);
    allocator.drain_cache();
  };
  {
    std::vector<std::jthread> cpus;
    for (unsigned cpu = 0; cpu < kCpus; ++cpu) cpus.emplace_back(work, cpu);
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(allocator.free_frames() + ram.backing.frames(), 96_MiB / 4096);
}

// ---- Failures ----

/// The table's memory cannot be mapped: the request fails, nothing is lost, and the next one
/// succeeds.
TEST(FrameAllocator, SurvivesAMappingThatFails) {
  for (const unsigned failures : {1u, 2u, 7u}) {
    FakeRam ram({range(kStart, 300_MiB)});
    ram.backing.failures_left = failures;
    FrameAllocator allocator;
    ASSERT_TRUE(ram.start(allocator));
    count_injections("TableBacking", failures);
    while (ram.backing.failures_left != 0) {
      const unsigned left = ram.backing.failures_left;
      const auto frame = allocator.alloc(0, kKernel, kNormal);
      EXPECT_LT(ram.backing.failures_left, left);
      if (frame) allocator.free(frame.value(), 0);
    }
    std::vector<Held> held = take_all(allocator, 0);
    EXPECT_EQ(held.size() + ram.backing.frames(), 300_MiB / 4096);
    for (usize i = 0; i < held.size(); ++i)
      ASSERT_FALSE(ram.backing.memory_frames.contains(held[i].frame.number()));
  }
}

/// Each allocation of a sequence fails in turn, once: its error is out_of_frames, and nothing else
/// is different.
TEST(FrameAllocator, FailsOnRequest) {
  FakeRam ram({range(kStart, 32_MiB)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  allocator.free(allocator.alloc(0, kKernel, kNormal).value(), 0);
  const u64 free = allocator.free_frames();
  for (u64 nth = 1;; ++nth) {
    FailAllocation failure(nth);
    std::vector<Held> held;
    u64 failed = 0;
    for (unsigned i = 0; i < 100; ++i) {
      const auto frame = allocator.alloc(i % 8, kKernel, kNormal);
      if (frame) {
        held.push_back({frame.value(), i % 8});
      } else if (failed == 0 && i + 1 == nth) {
        EXPECT_EQ(frame.error(), (Error{Errc::out_of_frames, i % 8}));
        failed = i + 1;
      }
    }
    const bool fired = failure.has_fired();
    free_all(allocator, held);
    EXPECT_EQ(allocator.free_frames(), free);
    if (!fired) break;
    EXPECT_EQ(failed, nth);
    count_injections("alloc_frames");
  }
}

/// D4: every second frame of all memory is taken. Half is free, yet no two frames side by side;
/// when they come back, the large blocks are there again.
TEST(FrameAllocator, RunsOutOfLargeBlocksWhenFragmented) {
  FakeRam ram({range(kStart, 64_MiB)});
  FrameAllocator allocator;
  ASSERT_TRUE(ram.start(allocator));
  std::vector<Held> odd, even;
  for (const Held& h : take_all(allocator, 0))
    (h.frame.number() % 2 != 0 ? odd : even).push_back(h);
  free_all(allocator, even);

  EXPECT_GT(allocator.free_frames(), 60_MiB / 4096 / 2);
  EXPECT_EQ(allocator.alloc(10, kKernel, kNormal).error(), (Error{Errc::out_of_frames, 10}));
  EXPECT_EQ(allocator.alloc(1, kKernel, kNormal).error(), (Error{Errc::out_of_frames, 1}));
  for (unsigned order = 1; order <= 10; ++order)
    EXPECT_EQ(allocator.zone_stats(kNormal).blocks[order], 0u);
  const Frame one = allocator.alloc(0, kKernel, kNormal).value();

  allocator.free(one, 0);
  free_all(allocator, odd);
  EXPECT_TRUE(allocator.alloc(10, kKernel, kNormal));
}

// ---- The face ----

/// The functions of frames.h are this allocator's, on the machine's one instance.
TEST(Frames, IsTheFaceOfTheMachinesAllocator) {
  FakeMachine machine(std::initializer_list<PhysRange>{range(kStart, 64_MiB)});
  volatile unsigned order = 0;  // so that neither branch of alloc_frames() is folded away
  const Frame a = alloc_frame(kKernel).value();
  const Frame b = alloc_frames(order, kKernel).value();
  order = 2;
  const Frame c = alloc_frames(order, kKernel, ZoneKind::dma).value();
  EXPECT_EQ(zone_of(c), ZoneKind::dma);
  EXPECT_EQ(frame_state(c).order, 2u);
  EXPECT_EQ(frame_info(c).owner(), kKernel);
  EXPECT_EQ(&frame_table()[c], &frame_info(c));
  EXPECT_EQ(free_frame_count() + 6 + machine.backing.frames(), 64_MiB / 4096);
  EXPECT_EQ(frame_stats().free, free_frame_count());
  EXPECT_GT(cached_frames(0), 0u);
  free_frame(a);
  free_frames(b, 0);
  EXPECT_FALSE(try_free_frames(c, 1, kKernel));
  EXPECT_TRUE(try_free_frames(c, 2, kKernel));
  drain_frame_cache();
  EXPECT_EQ(cached_frames(0), 0u);
  EXPECT_EQ(zone_stats(ZoneKind::dma).free + zone_stats(kNormal).free, free_frame_count());

  FakeRam other({range(kStart, 64_MiB)});
  EXPECT_TRUE(frames_start(other.map, other.early, {VirtAddr(0x1000'0000), 1_GiB}, &other.backing));
}

}  // namespace
}  // namespace meridian
