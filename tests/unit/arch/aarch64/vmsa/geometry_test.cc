// SPDX-License-Identifier: MIT
/// The shape of a half for every size it may have, against numbers worked out by hand.
#include "arch/aarch64/vmsa/geometry.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace meridian::arch {
namespace {

TEST(Geometry, LevelsHaveTheShiftsOfThe4KGranule) {
  EXPECT_EQ(shift(Level::L0), 39u);
  EXPECT_EQ(shift(Level::L1), 30u);
  EXPECT_EQ(shift(Level::L2), 21u);
  EXPECT_EQ(shift(Level::L3), 12u);

  EXPECT_EQ(entry_span(Level::L0), 512_GiB);
  EXPECT_EQ(entry_span(Level::L1), 1_GiB);
  EXPECT_EQ(entry_span(Level::L2), 2_MiB);
  EXPECT_EQ(entry_span(Level::L3), 4_KiB);
}

/// The fewest levels that resolve the bits: 9 a level above the 12 of the page.
TEST(Geometry, TheWalkStartsWhereTheAddressBitsSay) {
  struct Row {
    unsigned least_bits, most_bits;
    Level first;
  };
  const Row rows[] = {
      {16, 21, Level::L3}, {22, 30, Level::L2}, {31, 39, Level::L1}, {40, 48, Level::L0}};
  for (const Row& row : rows) {
    for (unsigned bits = row.least_bits; bits <= row.most_bits; ++bits) {
      SCOPED_TRACE(bits);
      EXPECT_EQ(Geometry(Half::low, bits).first_level(), row.first);
      EXPECT_EQ(Geometry(Half::high, bits).first_level(), row.first);
    }
  }
}

/// The layouts of this kernel: 48 and 39 bits (arm64), 47 (x86-64), 32 and 30 (i386), and the
/// smallest.
TEST(Geometry, TheFirstTableUsesOnlyWhatTheBitsCanIndex) {
  struct Row {
    unsigned bits;
    Level first;
    usize first_entries;
  };
  const Row rows[] = {{48, Level::L0, 512}, {47, Level::L0, 256}, {39, Level::L1, 512},
                      {32, Level::L1, 4},   {30, Level::L2, 512}, {40, Level::L0, 2},
                      {22, Level::L2, 2},   {21, Level::L3, 512}, {16, Level::L3, 16}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.bits);
    const Geometry g(Half::low, row.bits);
    EXPECT_EQ(g.first_level(), row.first);
    EXPECT_EQ(g.entries(row.first), row.first_entries);
    for (Level level = row.first; level != Level::L3;) {
      level = next_level(level);
      EXPECT_EQ(g.entries(level), 512u);
    }
  }
}

TEST(Geometry, IndexesAreThoseOfTheManualsPicture) {
  struct Row {
    unsigned bits;
    Half half;
    u64 va;
    usize index[4];  // from the first level on
  };
  const Row rows[] = {
      {48, Half::low, 0x0000'ffff'ffff'ffff, {511, 511, 511, 511}},
      {48, Half::low, 0x0000'0080'4020'1000, {1, 1, 1, 1}},
      {48, Half::high, 0xffff'8000'0801'2345, {256, 0, 64, 18}},
      {48, Half::high, 0xffff'0000'0000'0000, {0, 0, 0, 0}},
      {47, Half::high, 0xffff'8880'0000'0000, {17, 0, 0, 0}},
      {47, Half::high, 0xffff'ffff'8100'0000, {255, 510, 8, 0}},
      {39, Half::high, 0xffff'ffc0'0801'0000, {256, 64, 16}},
      {39, Half::low, 0x0000'0055'5555'5000, {341, 170, 341}},
      {32, Half::low, 0x0000'0000'bfff'f000, {2, 511, 511}},
      {30, Half::high, 0xffff'ffff'c000'0000, {0, 0}},
      {30, Half::high, 0xffff'ffff'f7ff'e000, {447, 510}},
      {16, Half::low, 0x0000'0000'0000'f000, {15}},
  };
  for (const Row& row : rows) {
    const Geometry g(row.half, row.bits);
    for (const Level level : kLevels) {
      if (level < g.first_level()) continue;
      SCOPED_TRACE(testing::Message() << std::hex << row.va << " L" << number_of(level));
      const unsigned step = number_of(level) - number_of(g.first_level());
      EXPECT_EQ(g.index(level, VirtAddr(row.va)), row.index[step]);
    }
  }
}

TEST(Geometry, ATagDoesNotReachTheIndexes) {
  const Geometry g(Half::low, 48, TopByte::ignored);
  EXPECT_EQ(g.index(Level::L0, VirtAddr(0x5500'0080'4020'1000)), 1u);
}

TEST(Geometry, BlocksAreOf1GiBAnd2MiB) {
  const Geometry g(Half::high, 48);
  EXPECT_FALSE(g.can_map(Level::L0));
  EXPECT_TRUE(g.can_map(Level::L1));
  EXPECT_TRUE(g.can_map(Level::L2));
  EXPECT_TRUE(g.can_map(Level::L3));
}

TEST(Geometry, NoLeafLiesAboveTheFirstTable) {
  const Geometry g(Half::high, 30);
  EXPECT_FALSE(g.can_map(Level::L1));
  EXPECT_TRUE(g.can_map(Level::L2));
}

TEST(Geometry, SixteenLeavesMakeAContiguousGroup) {
  const Geometry g(Half::high, 48);
  EXPECT_EQ(g.contiguous_entries(Level::L0), 1u);
  EXPECT_EQ(g.contiguous_entries(Level::L1), 1u);
  EXPECT_EQ(g.contiguous_entries(Level::L2), 16u);
  EXPECT_EQ(g.contiguous_entries(Level::L3), 16u);
}

TEST(Geometry, AFirstTableSmallerThanAGroupHasNone) {
  EXPECT_EQ(Geometry(Half::low, 22).contiguous_entries(Level::L2), 1u);   // 2 entries
  EXPECT_EQ(Geometry(Half::low, 25).contiguous_entries(Level::L2), 16u);  // 16 entries
  EXPECT_EQ(Geometry(Half::low, 16).contiguous_entries(Level::L3), 16u);
}

TEST(Geometry, TheHalvesBeginAndEndWhereTxSzSays) {
  struct Row {
    unsigned bits;
    u64 low_last, high_first;
  };
  const Row rows[] = {{48, 0x0000'ffff'ffff'ffff, 0xffff'0000'0000'0000},
                      {47, 0x0000'7fff'ffff'ffff, 0xffff'8000'0000'0000},
                      {39, 0x0000'007f'ffff'ffff, 0xffff'ff80'0000'0000},
                      {32, 0x0000'0000'ffff'ffff, 0xffff'ffff'0000'0000},
                      {30, 0x0000'0000'3fff'ffff, 0xffff'ffff'c000'0000},
                      {16, 0x0000'0000'0000'ffff, 0xffff'ffff'ffff'0000}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.bits);
    const Geometry low(Half::low, row.bits), high(Half::high, row.bits);
    EXPECT_EQ(low.first().value(), 0u);
    EXPECT_EQ(low.last().value(), row.low_last);
    EXPECT_EQ(high.first().value(), row.high_first);
    EXPECT_EQ(high.last().value(), ~u64{0});

    EXPECT_TRUE(low.contains(VirtAddr(0)));
    EXPECT_TRUE(low.contains(VirtAddr(row.low_last)));
    EXPECT_FALSE(low.contains(VirtAddr(row.low_last + 1))) << "the hole's first byte";
    EXPECT_TRUE(high.contains(VirtAddr(row.high_first)));
    EXPECT_TRUE(high.contains(VirtAddr(~u64{0})));
    EXPECT_FALSE(high.contains(VirtAddr(row.high_first - 1))) << "the hole's last byte";
    EXPECT_FALSE(low.contains(VirtAddr(row.high_first)));
    EXPECT_FALSE(high.contains(VirtAddr(row.low_last)));
  }
}

/// The addresses whose loads QEMU answered with a level 0 fault, T0SZ = T1SZ = 16.
TEST(Geometry, TheHoleBelongsToNeitherHalf) {
  for (const u64 va : {0x0001'0000'0000'0000, 0x5500'0000'4000'0000}) {
    EXPECT_FALSE(Geometry(Half::low, 48).contains(VirtAddr(va)));
    EXPECT_FALSE(Geometry(Half::high, 48).contains(VirtAddr(va)));
  }
  for (const u64 va : {0x8000'0000'0000'0000, 0xfffe'0000'0000'0000, 0xfeff'0000'4000'0000}) {
    EXPECT_FALSE(Geometry(Half::low, 48).contains(VirtAddr(va)));
    EXPECT_FALSE(Geometry(Half::high, 48).contains(VirtAddr(va)));
  }
}

TEST(Geometry, Bit55ChoosesTheHalf) {
  EXPECT_EQ(half_of(VirtAddr(0x0000'0000'0000'0000)), Half::low);
  EXPECT_EQ(half_of(VirtAddr(0xff7f'ffff'ffff'ffff)), Half::low);
  EXPECT_EQ(half_of(VirtAddr(0x0080'0000'0000'0000)), Half::high);
  EXPECT_EQ(half_of(VirtAddr(0xffff'0000'0000'0000)), Half::high);
}

TEST(Geometry, WithTbiATaggedPointerStaysInItsHalf) {
  const Geometry low(Half::low, 48, TopByte::ignored), high(Half::high, 48, TopByte::ignored);
  EXPECT_TRUE(low.contains(VirtAddr(0x5500'0000'4000'0000)));
  EXPECT_TRUE(low.contains(VirtAddr(0xff00'ffff'ffff'ffff)));
  EXPECT_FALSE(low.contains(VirtAddr(0x5501'0000'0000'0000))) << "beyond the half";
  EXPECT_FALSE(low.contains(VirtAddr(0x55ff'0000'0000'0000)));
  EXPECT_TRUE(high.contains(VirtAddr(0x00ff'0000'4000'0000)));
  EXPECT_TRUE(high.contains(VirtAddr(0xffff'0000'4000'0000)));
  EXPECT_FALSE(high.contains(VirtAddr(0x00fe'ffff'ffff'ffff)));
  EXPECT_FALSE(high.contains(VirtAddr(0x0000'0000'4000'0000)));
}

TEST(Geometry, RefusesSizesThatNoHalfHas) {
  EXPECT_THROW(Geometry(Half::low, 15), std::logic_error);
  EXPECT_THROW(Geometry(Half::low, 49), std::logic_error);
  EXPECT_THROW(Geometry(Half::high, 0), std::logic_error);
  EXPECT_THROW(Geometry(Half::high, 64), std::logic_error);
  EXPECT_THROW(Geometry(Half::low, 39).entries(Level::L0), std::logic_error);
}

}  // namespace
}  // namespace meridian::arch
