// SPDX-License-Identifier: MIT
#include "kernel/lib/bits.h"

#include <gtest/gtest.h>

#include "kernel/lib/fixed_vector.h"

namespace meridian {
namespace {

enum class Colour : u8 { red = 0b00, green = 0b10, blue = 0b11 };
using Whole = Field<63, 0>;
using Middle = Field<9, 4, Colour>;
using Top = Bit<63>;

static_assert(low_ones(0) == 0 && low_ones(1) == 1 && low_ones(12) == 0xfff);
static_assert(low_ones(63) == 0x7fff'ffff'ffff'ffff && low_ones(64) == ~u64{0});
static_assert(Whole::kMask == ~u64{0} && Middle::kMask == 0x3f0 && Top::kSet == u64{1} << 63);

TEST(Field, EncodesWhereTheManualSaysItIs) {
  EXPECT_EQ(Middle::encode(Colour::blue), 0x30u);
  EXPECT_EQ(Middle::decode(0xffff'ffff'ffff'fc2f), Colour::green);
  EXPECT_EQ(Middle::replace(0xffff, Colour::red), 0xfc0fu);
  EXPECT_EQ(Whole::encode(~u64{0}), ~u64{0});
  EXPECT_EQ(Top::encode(true), 0x8000'0000'0000'0000u);
  EXPECT_EQ(Top::encode(false), 0u);
  EXPECT_TRUE(Top::is_set(~u64{0}));
  EXPECT_FALSE(Top::is_set(~u64{0} >> 1));
}

TEST(Field, RefusesWhatDoesNotFit) {
  using Three = Field<4, 2>;
  EXPECT_EQ(Three::encode(7), 0x1cu);
  EXPECT_THROW(Three::encode(8), std::logic_error);
  EXPECT_THROW(Three::encode(~u64{0}), std::logic_error);
  EXPECT_THROW(Three::replace(0, 8), std::logic_error);
}

TEST(Alignment, RoundsToMultiples) {
  EXPECT_EQ(align_down(0x1fff, 0x1000), 0x1000u);
  EXPECT_EQ(align_down(0x1000, 0x1000), 0x1000u);
  EXPECT_EQ(align_up(0x1001, 0x1000), 0x2000u);
  EXPECT_EQ(align_up(0x1000, 0x1000), 0x1000u);
  EXPECT_EQ(align_up(0, 0x1000), 0u);
  EXPECT_EQ(align_up(5, 1), 5u);
  EXPECT_TRUE(is_aligned(0, 0x1000));
  EXPECT_FALSE(is_aligned(0x800, 0x1000));
}

/// The last page boundary can be reached, the one after it would wrap to 0.
TEST(Alignment, RoundingUpDoesNotWrap) {
  EXPECT_EQ(align_up(0xffff'ffff'ffff'f000, 0x1000), 0xffff'ffff'ffff'f000u);
  EXPECT_THROW(align_up(0xffff'ffff'ffff'f001, 0x1000), std::logic_error);
  EXPECT_THROW(align_up(~u64{0}, u64{1} << 63), std::logic_error);
}

TEST(Arithmetic, DividesUpWithoutOverflow) {
  EXPECT_EQ(divide_up(0, 4096), 0u);
  EXPECT_EQ(divide_up(1, 4096), 1u);
  EXPECT_EQ(divide_up(4096, 4096), 1u);
  EXPECT_EQ(divide_up(4097, 4096), 2u);
  EXPECT_EQ(divide_up(~u64{0}, 2), 0x8000'0000'0000'0000u);
}

TEST(Arithmetic, KnowsPowersOfTwo) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    EXPECT_TRUE(is_power_of_two(u64{1} << bit));
    EXPECT_EQ(is_power_of_two((u64{1} << bit) - 1), bit == 1) << "2^" << bit << " - 1";
  }
  EXPECT_FALSE(is_power_of_two(~u64{0}));
}

TEST(FixedVector, TakesNoMoreThanItHolds) {
  FixedVector<int, 2> list;
  EXPECT_TRUE(list.is_empty());
  EXPECT_TRUE(list.push(1));
  EXPECT_TRUE(list.push(2));
  EXPECT_FALSE(list.push(3));
  EXPECT_EQ(list.size(), 2u);
  EXPECT_EQ(list[1], 2);
  EXPECT_THROW((void)list[2], std::logic_error);
  int sum = 0;
  for (const int n : list) sum += n;
  EXPECT_EQ(sum, 3);
  list.clear();
  EXPECT_EQ(list.begin(), list.end());
}

}  // namespace
}  // namespace meridian
