// SPDX-License-Identifier: MIT
#include "kernel/lib/decimal_size.h"

#include <gtest/gtest.h>

#include "text_writer.h"

namespace meridian {
namespace {

std::string text_of(u64 count) {
  TextWriter out;
  print(out, "{}", DecimalSize{count});
  return out.text;
}

TEST(DecimalSize, PrintsWholeUnitsWithoutDecimals) {
  EXPECT_EQ(text_of(0), "0B");
  EXPECT_EQ(text_of(1023), "1023B");
  EXPECT_EQ(text_of(4_KiB), "4K");
  EXPECT_EQ(text_of(896_MiB), "896M");
  EXPECT_EQ(text_of(u64{1} << 48), "256T");
  EXPECT_EQ(text_of(u64{1} << 56), "64P");
}

/// 0x36ffe000 is 2 pages less than 880 MiB; 12.5 PiB are vmalloc's with five levels.
TEST(DecimalSize, NeverRoundsUp) {
  EXPECT_EQ(text_of(0x36ff'e000), "879.992M");
  EXPECT_EQ(text_of((u64{1} << 40) - 1), "1023.999G");
  EXPECT_EQ(text_of(u64{25} << 49), "12.5P");
  EXPECT_EQ(text_of(1_MiB + 1), "1M");
  EXPECT_EQ(text_of(~u64{0}), "15.999E");
  EXPECT_EQ(text_of(1025), "1K");
  EXPECT_EQ(text_of(1_KiB + 64), "1.062K");
}

TEST(DecimalSize, PadsLikeAText) {
  TextWriter out;
  print(out, "[{:<6}][{:>6}]", DecimalSize{32_GiB}, DecimalSize{32_GiB});
  EXPECT_EQ(out.text, "[32G   ][   32G]");
}

}  // namespace
}  // namespace meridian
