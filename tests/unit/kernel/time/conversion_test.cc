// SPDX-License-Identifier: MIT
#include "kernel/time/conversion.h"

#include <gtest/gtest.h>

namespace meridian {
namespace {

constexpr u64 kOne = 1'000'000'000;  // ns
constexpr u64 kRates[] = {1, 24'000'000, 62'500'000, 999'999'937, 1'000'000'000};

TEST(Conversion, SecondsAreSeconds) {
  for (const u64 rate : kRates) {
    EXPECT_EQ(nanoseconds_of(7 * rate, rate), 7 * kOne);
    EXPECT_EQ(ticks_of(7 * kOne, rate), 7 * rate);
  }
}

TEST(Conversion, TimeThatHasPassedIsNeverTooMuch) {
  EXPECT_EQ(nanoseconds_of(1, 62'500'000), 16u);
  EXPECT_EQ(nanoseconds_of(1, 24'000'000), 41u);  // 41.67
  EXPECT_EQ(nanoseconds_of(0, 24'000'000), 0u);
}

TEST(Conversion, ASleepIsNeverTooShort) {
  EXPECT_EQ(ticks_of(1, 62'500'000), 1u);
  EXPECT_EQ(ticks_of(16, 62'500'000), 1u);
  EXPECT_EQ(ticks_of(17, 62'500'000), 2u);
  for (const u64 rate : kRates)
    for (const u64 time : {u64{1}, u64{999}, kOne - 1, kOne + 1, 123'456'789'123u * u64{1000}})
      EXPECT_GE(nanoseconds_of(ticks_of(time, rate), rate), time) << rate << " " << time;
}

TEST(Conversion, NothingWraps) {
  EXPECT_EQ(nanoseconds_of(kForever, 1), kForever);
  EXPECT_EQ(ticks_of(kForever, 1'000'000'000), kForever);
  EXPECT_EQ(later(kForever - 1, 5), kForever);
  EXPECT_EQ(later(1, 5), 6u);
  // The product of ticks and nanoseconds would, after five minutes.
  EXPECT_EQ(nanoseconds_of(62'500'000 * u64{86'400} * 365 * 500, 62'500'000),
            kOne * u64{86'400} * 365 * 500);
}

}  // namespace
}  // namespace meridian
