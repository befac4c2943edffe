// SPDX-License-Identifier: MIT
#include "mm/frames/memory_map.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

PhysRange range(u64 start, u64 size) { return {PhysAddr(start), size}; }

std::vector<PhysRange> free_runs(const MemoryMap& map) {
  std::vector<PhysRange> runs;
  map.for_each_free([&](FrameRange run) { runs.push_back(run.bytes()); });
  return runs;
}

using Ranges = std::vector<PhysRange>;

/// Banks come in any order and go out sorted.
TEST(MemoryMap, SortsItsBanks) {
  MemoryMap map;
  ASSERT_TRUE(map.add_bank(range(0x8000'0000, 1_MiB)));
  ASSERT_TRUE(map.add_bank(range(0x4000'0000, 1_MiB)));
  ASSERT_TRUE(map.add_bank(range(0x6000'0000, 1_MiB)));

  EXPECT_EQ(
      Ranges(map.banks().begin(), map.banks().end()),
      (Ranges{range(0x4000'0000, 1_MiB), range(0x6000'0000, 1_MiB), range(0x8000'0000, 1_MiB)}));
}

/// A bank that overlaps others or touches them becomes one with them.
TEST(MemoryMap, JoinsBanksThatMeet) {
  MemoryMap map;
  ASSERT_TRUE(map.add_bank(range(0x1000, 0x1000)));
  ASSERT_TRUE(map.add_bank(range(0x4000, 0x1000)));
  ASSERT_TRUE(map.add_bank(range(0x9000, 0x1000)));
  ASSERT_TRUE(map.add_bank(range(0x2000, 0x2000)));  // touches the first two

  EXPECT_EQ(Ranges(map.banks().begin(), map.banks().end()),
            (Ranges{range(0x1000, 0x4000), range(0x9000, 0x1000)}));
  ASSERT_TRUE(map.add_bank(range(0x0000, 0x20'0000)));  // covers all
  EXPECT_EQ(Ranges(map.banks().begin(), map.banks().end()), (Ranges{range(0, 0x20'0000)}));
}

/// RAM that does not fill a frame cannot be used; a reservation protects every frame it touches.
TEST(MemoryMap, ShrinksBanksAndGrowsReservationsToWholeFrames) {
  MemoryMap map;
  ASSERT_TRUE(map.add_bank(range(0x1'0001, 0x1'0000)));
  ASSERT_TRUE(map.reserve(range(0x1'8fff, 2), "two bytes"));

  EXPECT_EQ(map.banks().front(), range(0x1'1000, 0xf000));
  EXPECT_EQ(map.reservations().front().range, range(0x1'8000, 0x2000));
}

/// What makes no sense is refused by name, and changes nothing.
TEST(MemoryMap, RefusesRangesThatMakeNoSense) {
  struct Case {
    u64 start, size;
    Errc code;
  };
  const Case cases[] = {
      {0x4000'0000, 0, Errc::bad_range},                 // empty
      {0xffff'ffff'ffff'f000, 0x2000, Errc::bad_range},  // wraps
      {1, ~u64{0}, Errc::too_large},                     // all there is, from 1 on
      {0, ~u64{0}, Errc::too_large},
      {0xffff'ffff'f000, 0x1001, Errc::too_large},  // one byte above 2^48
      {0x1'0000'0000'0000, 0x1000, Errc::too_large},
      {0xffff'ffff'ffff'f000, 0x1000, Errc::too_large},  // ends at 2^64
  };
  for (const Case& c : cases) {
    MemoryMap map;
    count_bad_input("MemoryMap");
    count_bad_input("MemoryMap");
    EXPECT_EQ(map.add_bank(range(c.start, c.size)).error(), (Error{c.code, c.start}));
    EXPECT_EQ(map.reserve(range(c.start, c.size), "x").error(), (Error{c.code, c.start}));
    EXPECT_TRUE(map.banks().empty());
    EXPECT_TRUE(map.reservations().empty());
  }
  MemoryMap map;
  EXPECT_EQ(map.add_bank(range(0x1001, 0x1ffe)).error().code, Errc::bad_range) << "no whole frame";
  EXPECT_TRUE(map.add_bank(range(0xffff'ffff'f000, 0x1000))) << "the last frame there can be";
}

/// The 65th bank and the 65th reservation are refused; a bank that joins others needs no room.
TEST(MemoryMap, RefusesMoreThanItHasRoomFor) {
  MemoryMap map;
  for (u64 i = 0; i < 64; ++i) {
    ASSERT_TRUE(map.add_bank(range(0x1'0000 * (i + 1), 0x1000)));
    ASSERT_TRUE(map.reserve(range(0x1'0000 * (i + 1), 0x1000), "r"));
  }
  count_bad_input("MemoryMap");
  EXPECT_EQ(map.add_bank(range(0x1'0000 * 65, 0x1000)).error(), (Error{Errc::out_of_slots, 64}));
  EXPECT_EQ(map.reserve(range(0, 1), "r").error(), (Error{Errc::out_of_slots, 64}));
  EXPECT_EQ(map.banks().size(), 64u);

  EXPECT_TRUE(map.add_bank(range(0x1'0000, 0x2000)));
  EXPECT_EQ(map.banks().size(), 64u);
  EXPECT_EQ(map.banks()[0], range(0x1'0000, 0x2000));
}

/// Free is RAM that no reservation touches, in the longest runs; frame 0 never is.
TEST(MemoryMap, FindsTheFreeRuns) {
  MemoryMap map;
  ASSERT_TRUE(map.add_bank(range(0, 0x10'0000)));
  ASSERT_TRUE(map.add_bank(range(0x20'0000, 0x10'0000)));
  ASSERT_TRUE(map.reserve(range(0x4000, 0x4000), "a"));
  ASSERT_TRUE(map.reserve(range(0x6000, 0x4000), "b, which overlaps a"));
  ASSERT_TRUE(map.reserve(range(0x5000, 0x1000), "c, inside a"));
  ASSERT_TRUE(map.reserve(range(0xf'f000, 0x10'2000), "d, across the hole"));
  ASSERT_TRUE(map.reserve(range(0x80'0000, 0x1000), "e, outside"));

  EXPECT_EQ(free_runs(map),
            (Ranges{range(0x1000, 0x3000), range(0xa000, 0xf'5000), range(0x20'1000, 0xf'f000)}));
  EXPECT_EQ(map.next_free(Frame(PhysAddr(0x2000))).bytes(), range(0x2000, 0x2000));
  EXPECT_EQ(map.next_free(Frame(PhysAddr(0x5000))).bytes(), range(0xa000, 0xf'5000));
  EXPECT_EQ(map.next_free(Frame(PhysAddr(0x30'0000))).count, 0u);
  EXPECT_TRUE(map.is_ram(Frame(PhysAddr(0xf'f000))));
  EXPECT_FALSE(map.is_ram(Frame(PhysAddr(0x10'0000))));
  EXPECT_TRUE(map.is_reserved(Frame(PhysAddr(0x9000))));
  EXPECT_FALSE(map.is_reserved(Frame(PhysAddr(0xa000))));
  EXPECT_EQ(map.ram_frames({Frame(), 0x201}), 0x101u);
}

/// A bank that is all reserved has no free run, and the search goes on behind it.
TEST(MemoryMap, SkipsBanksThatAreAllReserved) {
  MemoryMap map;
  ASSERT_TRUE(map.add_bank(range(0x1000, 0x2000)));
  ASSERT_TRUE(map.add_bank(range(0x5000, 0x1000)));
  ASSERT_TRUE(map.reserve(range(0x1000, 0x2000), "all of it"));
  EXPECT_EQ(free_runs(map), Ranges{range(0x5000, 0x1000)});
}

/// mem= keeps the lowest RAM.
TEST(MemoryMap, LimitsItsSizeFromTheTop) {
  MemoryMap map;
  ASSERT_TRUE(map.add_bank(range(0x1000'0000, 1_MiB)));
  ASSERT_TRUE(map.add_bank(range(0x2000'0000, 1_MiB)));
  ASSERT_TRUE(map.add_bank(range(0x3000'0000, 1_MiB)));

  map.limit_size(4_MiB);
  EXPECT_EQ(map.banks().size(), 3u);
  map.limit_size(1_MiB + 0x1fff);
  EXPECT_EQ(Ranges(map.banks().begin(), map.banks().end()),
            (Ranges{range(0x1000'0000, 1_MiB), range(0x2000'0000, 0x1000)}));
  map.limit_size(1_MiB);
  EXPECT_EQ(map.banks().size(), 1u);
  map.limit_size(0);
  EXPECT_TRUE(map.banks().empty());
}

/// RAM above an address can be given up.
TEST(MemoryMap, ForgetsRamAboveAnAddress) {
  MemoryMap map;
  ASSERT_TRUE(map.add_bank(range(0x1000'0000, 1_MiB)));
  ASSERT_TRUE(map.add_bank(range(0x2000'0000, 1_MiB)));
  ASSERT_TRUE(map.add_bank(range(0x3000'0000, 1_MiB)));

  EXPECT_EQ(map.limit_address(PhysAddr(0x4000'0000)), 0u);
  EXPECT_EQ(map.limit_address(PhysAddr(0x2000'1fff)), 1_MiB + 1_MiB - 0x1000);
  EXPECT_EQ(Ranges(map.banks().begin(), map.banks().end()),
            (Ranges{range(0x1000'0000, 1_MiB), range(0x2000'0000, 0x1000)}));
}

/// The lines of /proc/iomem: banks, and in each what is reserved of it.
TEST(MemoryMap, KnowsHowMuchRamLiesBeyondAnAddress) {
  MemoryMap map;
  EXPECT_EQ(map.bytes_beyond(PhysAddr(0)), 0u);
  ASSERT_TRUE(map.add_bank(range(0x1000'0000, 1_MiB)).has_value());
  ASSERT_TRUE(map.add_bank(range(0x2000'0000, 2_MiB)).has_value());
  EXPECT_EQ(map.bytes_beyond(PhysAddr(0)), 3_MiB);
  EXPECT_EQ(map.bytes_beyond(PhysAddr(0x1000'1000)), 3_MiB - 0x1000) << "inside the first bank";
  EXPECT_EQ(map.bytes_beyond(PhysAddr(0x1800'0000)), 2_MiB) << "between the two";
  EXPECT_EQ(map.bytes_beyond(PhysAddr(0x2000'0000)), 2_MiB);
  EXPECT_EQ(map.bytes_beyond(PhysAddr(0x201f'ffff)), 1u);
  EXPECT_EQ(map.bytes_beyond(PhysAddr(0x2020'0000)), 0u);
}

TEST(MemoryMap, ListsItselfAsIomemDoes) {
  MemoryMap map;
  ASSERT_TRUE(map.add_bank(range(0x4000'0000, 1_MiB)));
  ASSERT_TRUE(map.add_bank(range(0x5000'0000, 1_MiB)));
  ASSERT_TRUE(map.reserve(range(0x4008'0000, 0x1000), "Kernel image"));
  ASSERT_TRUE(map.reserve(range(0x400f'0000, 0x1000'0000), "wide"));

  std::vector<std::string> lines;
  map.for_each_line([&](PhysRange r, std::string_view name, unsigned depth) {
    char text[100];
    std::snprintf(text, sizeof text, "%*s%08lx-%08lx : %.*s", static_cast<int>(2 * depth), "",
                  r.start().value(), r.last().value(), static_cast<int>(name.size()), name.data());
    lines.push_back(text);
  });
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "40000000-400fffff : System RAM", "  40080000-40080fff : Kernel image",
                       "  400f0000-400fffff : wide", "50000000-500fffff : System RAM",
                       "  50000000-500effff : wide"}));
}

/// Any mixture of banks and reservations, against a set of bytes (here: of quarter frames).
TEST(MemoryMap, AgreesWithASetOfFrames) {
  std::mt19937_64 random(test_seed() + 1);
  constexpr u64 kUnit = kPageSize / 4, kUnits = 400;
  for (int round = 0; round < 300; ++round) {
    MemoryMap map;
    std::set<u64> ram, taken;
    for (int i = 0; i < 8; ++i) {
      const u64 start = random() % kUnits, size = random() % 40;
      count_bad_input("MemoryMap");
      const bool bank = random() % 2 == 0;
      const PhysRange r = range(start * kUnit, size * kUnit);
      if (bank && map.add_bank(r)) {
        // Whole frames only.
        for (u64 f = (start + 3) / 4; f < (start + size) / 4; ++f) ram.insert(f);
      } else if (!bank && map.reserve(r, "r")) {
        for (u64 f = start / 4; f < (start + size + 3) / 4; ++f) taken.insert(f);
      }
    }
    std::set<u64> expected;
    for (const u64 f : ram)
      if (f != 0 && !taken.contains(f)) expected.insert(f);
    std::set<u64> found;
    u64 previous_end = 0;
    map.for_each_free([&](FrameRange run) {
      EXPECT_GT(run.first.number(), previous_end) << "runs are as long as can be";
      for (u64 i = 0; i < run.count; ++i) found.insert(run.first.number() + i);
      previous_end = run.end().number();
    });
    ASSERT_EQ(found, expected);
    ASSERT_EQ(map.ram_frames({Frame(), kUnits}), ram.size());
  }
}

}  // namespace
}  // namespace meridian
