// SPDX-License-Identifier: MIT
#include "tests/tlbsan/tlb.h"

#include <gtest/gtest.h>

namespace tlbsan {
namespace {

/// The page 0x1234'5000 of ASID 7.
Entry page_entry() {
  Entry entry;
  entry.va = 0x1234'5000;
  entry.level = 3;
  entry.is_leaf = true;
  entry.asid = 7;
  return entry;
}

Invalidation by(TlbiBy what, uint64_t operand, bool last_level = false) {
  return {.form = {.by = what, .last_level = last_level, .shareable = true}, .operand = operand};
}
constexpr uint64_t asid(uint64_t number) { return number << 48; }

TEST(TlbsanTlb, AnInvalidationNamesItsAddressAndItsAsidAndNothingElse) {
  const Entry entry = page_entry();
  EXPECT_TRUE(covers(by(TlbiBy::va_asid, asid(7) | 0x12345), entry));
  EXPECT_FALSE(covers(by(TlbiBy::va_asid, asid(6) | 0x12345), entry));
  EXPECT_FALSE(covers(by(TlbiBy::va_asid, asid(7) | 0x12346), entry));
  EXPECT_FALSE(covers(by(TlbiBy::va_asid, asid(7) | 0x1234'5000), entry)) << "not shifted";
  EXPECT_TRUE(covers(by(TlbiBy::va, 0x12345), entry));
  EXPECT_TRUE(covers(by(TlbiBy::asid, asid(7)), entry));
  EXPECT_FALSE(covers(by(TlbiBy::asid, asid(8)), entry));
  EXPECT_TRUE(covers(by(TlbiBy::everything, 0), entry));
}

TEST(TlbsanTlb, AGlobalEntryHasNoAsid) {
  Entry entry = page_entry();
  entry.global = true;
  EXPECT_TRUE(covers(by(TlbiBy::va_asid, asid(6) | 0x12345), entry));
  EXPECT_FALSE(covers(by(TlbiBy::asid, asid(7)), entry));
}

TEST(TlbsanTlb, ALastLevelInvalidationLeavesTables) {
  Entry table = page_entry();
  table.va = 0x1220'0000;  // the L2 entry above
  table.level = 2;
  table.is_leaf = false;
  EXPECT_TRUE(covers(by(TlbiBy::va_asid, asid(7) | 0x12345), table));
  EXPECT_FALSE(covers(by(TlbiBy::va_asid, asid(7) | 0x12345, true), table));
  EXPECT_FALSE(covers(by(TlbiBy::va_asid, asid(6) | 0x12345), table));
}

/// Bits 47:44 of the operand: 01 for 4 KiB, then the level; 0 names any.
TEST(TlbsanTlb, AnInvalidationNamesTheLevelOfItsTtl) {
  Entry block = page_entry();
  block.va = 0x1220'0000;
  block.level = 2;
  const uint64_t operand = asid(7) | 0x12345;
  EXPECT_TRUE(covers(by(TlbiBy::va_asid, operand | uint64_t{0b0110} << 44), block));
  EXPECT_FALSE(covers(by(TlbiBy::va_asid, operand | uint64_t{0b0111} << 44), block));
  EXPECT_TRUE(covers(by(TlbiBy::va_asid, operand), block));
  EXPECT_TRUE(covers(by(TlbiBy::va_asid, operand | uint64_t{0b0111} << 44), page_entry()));
}

/// BaseADDR 36:0, TTL 38:37, NUM 43:39, SCALE 45:44, TG 47:46: (NUM + 1) * 2^(5 * SCALE + 1) pages.
TEST(TlbsanTlb, ARangeNamesItsPagesToTheLast) {
  const auto range = [](uint64_t operand) {
    return Invalidation{.form = {.by = TlbiBy::va_asid, .shareable = true, .range = true},
                        .operand = asid(7) | uint64_t{1} << 46 | operand};
  };
  constexpr uint64_t kFourPages = uint64_t{1} << 39;  // NUM 1, SCALE 0
  constexpr uint64_t k64Pages = uint64_t{1} << 44;    // NUM 0, SCALE 1
  EXPECT_TRUE(covers(range(0x12345 | kFourPages), page_entry()));
  EXPECT_TRUE(covers(range(0x12342 | kFourPages), page_entry()));
  EXPECT_FALSE(covers(range(0x12341 | kFourPages), page_entry()));
  EXPECT_FALSE(covers(range(0x12346 | kFourPages), page_entry()));
  EXPECT_TRUE(covers(range(0x12306 | k64Pages), page_entry()));
  EXPECT_FALSE(covers(range(0x12305 | k64Pages), page_entry()));
}

}  // namespace
}  // namespace tlbsan
