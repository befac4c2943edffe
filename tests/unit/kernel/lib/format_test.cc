// SPDX-License-Identifier: MIT
#include "kernel/lib/format.h"

#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <random>
#include <string>

#include "kernel/lib/quoted.h"
#include "seed.h"

namespace meridian {
namespace {

template <typename... Args>
std::string text_of(FormatString<std::type_identity_t<Args>...> format, const Args&... args) {
  BufferWriter<512> out;
  print(out, format, args...);
  EXPECT_FALSE(out.truncated());
  return std::string(out.text());
}

TEST(Print, PutsArgumentsInTheirPlaces) {
  EXPECT_EQ(text_of(""), "");
  EXPECT_EQ(text_of("plain"), "plain");
  EXPECT_EQ(text_of("{}, {} and {}", 1, "two", 'c'), "1, two and c");
  EXPECT_EQ(text_of("{}{}", true, false), "truefalse");
  EXPECT_EQ(text_of("a {{}} b {}", 5), "a {} b 5");
  EXPECT_EQ(text_of("}}{{"), "}{");
}

TEST(Print, Numbers) {
  EXPECT_EQ(text_of("{} {} {}", u8{255}, i8{-128}, u16{65535}), "255 -128 65535");
  EXPECT_EQ(text_of("{}", u64{18446744073709551615u}), "18446744073709551615");
  EXPECT_EQ(text_of("{}", i64{-9223372036854775807} - 1), "-9223372036854775808");
  EXPECT_EQ(text_of("{} {}", 0, -0), "0 0");
  EXPECT_EQ(text_of("{:x} {:X}", 48879, 48879), "beef 0xbeef");
  EXPECT_EQ(text_of("{:x}", u64{0}), "0");
  EXPECT_EQ(text_of("{:X}", ~u64{0}), "0xffffffffffffffff");
}

TEST(Print, PadsNumbersOnTheLeftAndTextOnTheRight) {
  EXPECT_EQ(text_of("[{:5}] [{:5}]", 42, "ab"), "[   42] [ab   ]");
  EXPECT_EQ(text_of("[{:<5}] [{:>5}]", 42, "ab"), "[42   ] [   ab]");
  EXPECT_EQ(text_of("[{:05}] [{:05}]", 42, -42), "[00042] [-0042]");
  EXPECT_EQ(text_of("[{:016x}]", u64{0xffff'0000}), "[00000000ffff0000]");
  EXPECT_EQ(text_of("[{:08X}]", 0xab), "[0x0000ab]");
  EXPECT_EQ(text_of("[{:8X}]", 0xab), "[    0xab]");
  EXPECT_EQ(text_of("[{:2}] [{:1}]", 12345, "long"), "[12345] [long]");
  EXPECT_EQ(text_of("[{:<3}]", -1), "[-1 ]");
  EXPECT_EQ(text_of("{:70}|", "x"), "x" + std::string(69, ' ') + "|");
  EXPECT_EQ(text_of("{:070}", 1), std::string(69, '0') + "1");
}

/// As Linux's page-table dump writes sizes: the largest unit that divides.
TEST(Print, SizesInTheLargestUnitThatDivides) {
  EXPECT_EQ(text_of("{} {} {}", Bytes{0}, Bytes{1}, Bytes{1023}), "0B 1B 1023B");
  EXPECT_EQ(text_of("{} {} {}", Bytes{4096}, Bytes{1536}, Bytes{2 << 20}), "4K 1536B 2M");
  EXPECT_EQ(text_of("{} {}", Bytes{511ull << 30}, Bytes{u64{130560} << 30}), "511G 130560G");
  EXPECT_EQ(text_of("{} {}", Bytes{u64{1} << 63}, Bytes{~u64{0}}), "8E 18446744073709551615B");
  EXPECT_EQ(text_of("[{:8}] [{:<8}]", Bytes{4096}, Bytes{4096}), "[      4K] [4K      ]");
}

/// Against the C library, for random numbers and widths.
TEST(Print, AgreesWithPrintf) {
  std::mt19937_64 random(test_seed());
  for (int i = 0; i < 2000; ++i) {
    const u64 value = random() >> random() % 64;
    const i64 number = static_cast<i64>(random()) >> random() % 64;
    char expected[128];
    std::snprintf(expected, sizeof expected, "%" PRIu64 "|%20" PRIx64 "|%018" PRIx64 "|%-22" PRId64,
                  value, value, value, number);
    EXPECT_EQ(text_of("{}|{:20x}|{:018x}|{:<22}", value, value, value, number), expected);
    std::snprintf(expected, sizeof expected, "%22" PRId64 "|%021" PRId64, number, number);
    EXPECT_EQ(text_of("{:22}|{:021}", number, number), expected);
  }
}

TEST(Print, QuotesWhatComesFromOutside) {
  EXPECT_EQ(text_of("{}", Quoted{"plain text"}), "'plain text'");
  EXPECT_EQ(text_of("{}", Quoted{"\x1b[2J\a\n\x7f\xff"}), R"('\x1b[2J\x07\x0a\x7f\xff')");
  EXPECT_EQ(text_of("{}", Quoted{std::string_view("a\0b", 3)}), R"('a\x00b')");
  const std::string long_text(65, 'y');
  EXPECT_EQ(text_of("{}", Quoted{long_text}), "'" + std::string(64, 'y') + "...'");
}

TEST(BufferWriter, DropsWhatDoesNotFitAndSaysSo) {
  BufferWriter<4> out;
  out.write("ab");
  out.put('c');
  EXPECT_FALSE(out.truncated());
  out.write("de");
  EXPECT_TRUE(out.truncated());
  EXPECT_EQ(out.text(), "abcd");
  out.write("f");
  EXPECT_EQ(out.text(), "abcd");
  out.clear();
  EXPECT_FALSE(out.truncated());
  EXPECT_EQ(out.text(), "");
}

}  // namespace
}  // namespace meridian
