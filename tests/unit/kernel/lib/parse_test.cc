// SPDX-License-Identifier: MIT
#include "kernel/lib/parse.h"

#include <gtest/gtest.h>
#include <regex.h>

#include <optional>
#include <random>
#include <string>

#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

TEST(ParseNumber, ReadsThreeBases) {
  EXPECT_EQ(parse_number("0").value(), 0u);
  EXPECT_EQ(parse_number("18446744073709551615").value(), ~u64{0});
  EXPECT_EQ(parse_number("0xffff_ffff_ffff_ffff").value(), ~u64{0});
  EXPECT_EQ(parse_number("0XdeadBEEF").value(), 0xdead'beefu);
  EXPECT_EQ(parse_number("0b1010'0101").value(), 0xa5u);
  EXPECT_EQ(parse_number("1_000_000").value(), 1'000'000u);
  EXPECT_EQ(parse_number("007").value(), 7u);
  EXPECT_EQ(parse_number("0x" + std::string(100, '0') + "1").value(), 1u);
}

TEST(ParseNumber, RefusesEverythingElse) {
  const std::string_view bad[] = {
      "",
      " ",
      "1 ",
      " 1",
      "+1",
      "-1",
      "0x",
      "0b",
      "0b2",
      "0xg",
      "x10",
      "1.0",
      "1e3",
      "_1",
      "'1",
      "0x_1",
      "12a",
      "abc",
      "0b",
      "0x-1",
      "1,000",
      "18446744073709551616",
      "0x10000000000000000",
      "99999999999999999999999999999",
      "0b10000000000000000000000000000000000000000000000000000000000000000",
      std::string_view("1\0", 2),
      "\xff",
      "１"};
  for (const std::string_view text : bad) {
    count_bad_input("parse_number");
    const Result<u64> result = parse_number(text);
    ASSERT_FALSE(result.has_value()) << text;
    EXPECT_EQ(result.error().code, Errc::bad_number);
  }
}

TEST(ParseSize, KnowsBinaryUnits) {
  EXPECT_EQ(parse_size("0").value(), 0u);
  EXPECT_EQ(parse_size("4096").value(), 4096u);
  EXPECT_EQ(parse_size("512M").value(), 0x2000'0000u);
  EXPECT_EQ(parse_size("512m").value(), 0x2000'0000u);
  EXPECT_EQ(parse_size("64KiB").value(), 0x1'0000u);
  EXPECT_EQ(parse_size("64KB").value(), 0x1'0000u);
  EXPECT_EQ(parse_size("2G").value(), 0x8000'0000u);
  EXPECT_EQ(parse_size("1TiB").value(), 0x100'0000'0000u);
  EXPECT_EQ(parse_size("0x10K").value(), 0x4000u);
  EXPECT_EQ(parse_size("7B").value(), 7u);
  EXPECT_EQ(parse_size("0B").value(), 0u);
  EXPECT_EQ(parse_size("0x10B").value(), 0x10bu) << "B is a hexadecimal digit";
  EXPECT_EQ(parse_size("16777215T").value(), 0xffff'ff00'0000'0000u);
}

TEST(ParseSize, RefusesWhatIsNone) {
  const std::string_view bad[] = {"",
                                  "K",
                                  "1P",
                                  "1Ki",
                                  "1KK",
                                  "1 K",
                                  "-1K",
                                  "1iB",
                                  "1BK",
                                  "1.5G",
                                  "M1",
                                  "16777216T",
                                  "0x40000000000000K",
                                  "1kib",
                                  "K1",
                                  "1KiBB",
                                  "1GB ",
                                  "18446744073709551615K",
                                  "0xK"};
  for (const std::string_view text : bad) {
    count_bad_input("parse_size");
    const Result<u64> result = parse_size(text);
    ASSERT_FALSE(result.has_value()) << text;
    EXPECT_EQ(result.error().code, Errc::bad_number);
  }
}

/// A POSIX extended regular expression that must match a whole text; the groups it found.
class Pattern {
 public:
  explicit Pattern(const char* expression) {
    EXPECT_EQ(regcomp(&regex_, expression, REG_EXTENDED), 0);
  }
  ~Pattern() { regfree(&regex_); }
  bool matches(const std::string& text) {
    regmatch_t found[4];
    if (regexec(&regex_, text.c_str(), 4, found, 0) != 0) return false;
    for (int i = 0; i < 4; ++i)
      group[i] =
          found[i].rm_so < 0 ? "" : text.substr(found[i].rm_so, found[i].rm_eo - found[i].rm_so);
    return true;
  }
  std::string group[4];

 private:
  regex_t regex_;
};

/// What the text means, by regular expressions and 128-bit arithmetic.
std::optional<u64> meaning(const std::string& text, bool units) {
  static Pattern decimal("^([0-9][0-9_']*)([kKmMgGtT]?)(iB|B)?$");
  static Pattern hex("^0[xX]([0-9a-fA-F][0-9a-fA-F_']*)([kKmMgGtT]?)(iB|B)?$");
  static Pattern binary("^0[bB]([01][01_']*)$");
  unsigned base = 0;
  std::string digits, unit, suffix;
  auto take = [&](unsigned its_base, const Pattern& pattern) {
    base = its_base;
    digits = pattern.group[1], unit = pattern.group[2], suffix = pattern.group[3];
  };
  if (hex.matches(text))
    take(16, hex);
  else if (!units && binary.matches(text))
    take(2, binary);
  else if (decimal.matches(text))
    take(10, decimal);
  else
    return std::nullopt;
  if (!units && !(unit + suffix).empty()) return std::nullopt;
  if (unit.empty() && suffix == "iB") return std::nullopt;

  u128 value = 0;
  for (const char c : digits) {
    if (c == '_' || c == '\'') continue;
    value = value * base + static_cast<unsigned>(std::stoi(std::string(1, c), nullptr, 16));
    if (value >> 64 != 0) return std::nullopt;
  }
  if (!unit.empty()) value <<= 10 * (std::string("kmgt").find(unit[0] | 0x20) + 1);
  if (value >> 64 != 0) return std::nullopt;
  return static_cast<u64>(value);
}

/// Random texts over the letters that could mean something; most of them are wrong.
TEST(Parse, AgreesWithRegularExpressions) {
  std::mt19937_64 random(test_seed());
  const std::string letters = "0011789abfxXBKkMGTi_' -";
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    if (random() % 3 == 0) text = "0x";
    if (random() % 5 == 0) text = "0b";
    for (u64 length = random() % 6 * (random() % 4); text.size() < length;)
      text += letters[random() % letters.size()];
    if (random() % 2 == 0) text += std::to_string(random() >> random() % 64);
    if (random() % 3 == 0) text += "KMGTB"[random() % 5];
    const Result<u64> number = parse_number(text), size = parse_size(text);
    const std::optional<u64> as_number = meaning(text, false), as_size = meaning(text, true);
    ASSERT_EQ(number.has_value(), as_number.has_value()) << text;
    ASSERT_EQ(size.has_value(), as_size.has_value()) << text;
    ASSERT_EQ(number.value_or(0), as_number.value_or(0)) << text;
    ASSERT_EQ(size.value_or(0), as_size.value_or(0)) << text;
    if (!as_number.has_value()) count_bad_input("parse_number");
    if (!as_size.has_value()) count_bad_input("parse_size");
  }
}

TEST(NextWord, SplitsAtBlanks) {
  std::string_view text = "  layout=arm64 \t run=a;b\nlast";
  EXPECT_EQ(next_word(text), "layout=arm64");
  EXPECT_EQ(next_word(text), "run=a;b");
  EXPECT_EQ(next_word(text), "last");
  EXPECT_EQ(next_word(text), "");
  EXPECT_EQ(next_word(text), "");
}

TEST(NextWord, BlanksBetweenQuotesBelongToTheWord) {
  std::string_view text = R"(run="walk 0x0; meminfo" x"y z"w "open to the end)";
  EXPECT_EQ(next_word(text), R"(run="walk 0x0; meminfo")");
  EXPECT_EQ(next_word(text), R"(x"y z"w)");
  EXPECT_EQ(next_word(text), R"("open to the end)");
  EXPECT_EQ(next_word(text), "");
}

}  // namespace
}  // namespace meridian
