// SPDX-License-Identifier: MIT
#include "tests/tlbsan/walk.h"

#include <gtest/gtest.h>

#include <map>

namespace tlbsan {
namespace {

constexpr uint64_t kIps48 = uint64_t{5} << 32, kTg1Is4K = uint64_t{2} << 30;
constexpr uint64_t kAf = 1 << 10, kPage = 3, kTable = 3;
constexpr uint64_t kAp1 = 1 << 6, kReadOnly = 1 << 7, kNotGlobal = 1 << 11;
constexpr uint64_t kPxn = uint64_t{1} << 53, kUxn = uint64_t{1} << 54;

/// Tables, written word by word.
class Memory {
 public:
  void put(uint64_t pa, uint64_t word) { words_[pa] = word; }
  ReadWord reader() const {
    return [this](uint64_t pa) {
      const auto found = words_.find(pa);
      return found == words_.end() ? 0 : found->second;
    };
  }

 private:
  std::map<uint64_t, uint64_t> words_;
};

/// T0SZ and T1SZ of each layout, and where walks begin: arm64, arm64-39, x86-64, i386. An address in
/// the middle of each half is mapped at L3, through tables whose indices were worked out by hand.
struct Shape {
  unsigned t0sz, t1sz, low_first, high_first;
};
constexpr Shape kShapes[] = {{16, 16, 0, 0}, {25, 25, 1, 1}, {17, 17, 0, 0}, {32, 34, 1, 2}};

TEST(TlbsanWalk, BeginsWhereTheSizeOfEachLayoutsHalfSays) {
  for (const Shape& shape : kShapes) {
    const Regime regime{.sctlr = 1, .tcr = kIps48 | kTg1Is4K | shape.t0sz | shape.t1sz << 16,
                        .ttbr0 = 0x10000, .ttbr1 = 0x20000};
    for (const bool high : {false, true}) {
      const unsigned size = high ? shape.t1sz : shape.t0sz;
      const unsigned first = high ? shape.high_first : shape.low_first;
      // The last page of the low half, the first of the high half.
      const uint64_t va = high ? ~uint64_t{0} << (64 - size) : (uint64_t{1} << (64 - size)) - 0x1000;
      Memory memory;
      uint64_t table = high ? 0x20000 : 0x10000;
      for (unsigned level = first; level < 3; ++level) {
        // All the index bits are ones in the low half's last page, and zeros in the other one.
        const unsigned bits = level == first ? (64 - size) - (39 - 9 * level) : 9;
        const uint64_t index = high ? 0 : (1u << bits) - 1;
        memory.put(table + 8 * index, (0x30000 + 0x1000 * level) | kTable);
        table = 0x30000 + 0x1000 * level;
      }
      memory.put(table + 8 * (high ? 0 : 511), 0x4567'8000 | kAf | kPage);

      const Walk found = walk(regime, va, memory.reader());
      EXPECT_TRUE(found.translates) << size;
      EXPECT_EQ(found.first, first) << size;
      EXPECT_EQ(found.last, 3u);
      EXPECT_EQ(found.output(va + 0x123), 0x4567'8123u);
      EXPECT_EQ(regime.problem(high), nullptr);

      const uint64_t outside = high ? va - 0x1000 : va + 0x1000;
      EXPECT_FALSE(walk(regime, outside, memory.reader()).reached) << "the hole";
    }
  }
}

TEST(TlbsanWalk, RefusesWhatItDoesNotKnow) {
  const auto problem = [](uint64_t tcr, bool high) { return Regime{.tcr = tcr}.problem(high); };
  const uint64_t fine = kTg1Is4K | 16 | 16 << 16;
  EXPECT_EQ(problem(fine, false), nullptr);
  EXPECT_EQ(problem(fine, true), nullptr);
  EXPECT_STREQ(problem(fine | 1 << 14, false), "a granule other than 4 KiB");
  EXPECT_STREQ(problem(fine ^ uint64_t{3} << 30, true), "a granule other than 4 KiB");
  EXPECT_STREQ(problem(fine - 1, false), "a T0SZ or T1SZ outside 16 to 39");
  EXPECT_STREQ(problem(fine | uint64_t{1} << 39, false), "access flags or dirty state kept by hardware");
  EXPECT_STREQ(problem(fine | uint64_t{1} << 59, true), "52-bit descriptors");
}

struct Rule {
  uint64_t leaf, table, sctlr;
  const char *el1, *el0;
};
constexpr uint64_t kWxn = 1 << 19;

/// AP, UXN, PXN, what tables above take away, and WXN, as the Arm ARM's tables say ("Memory access
/// control").
constexpr Rule kRules[] = {
    {0, 0, 0, "rwx", "x"},
    {kPxn | kUxn, 0, 0, "rw", ""},
    {kReadOnly, 0, 0, "rx", "x"},
    {kAp1, 0, 0, "rw", "rwx"},  // what EL0 may write, EL1 never executes
    {kAp1 | kReadOnly, 0, 0, "rx", "rx"},
    {kAp1 | kReadOnly | kUxn, 0, 0, "rx", "r"},
    {kAp1 | kReadOnly | kPxn, 0, 0, "r", "rx"},
    {kAp1, uint64_t{1} << 61, 0, "rwx", "x"},          // APTable: nothing for EL0
    {kAp1, uint64_t{2} << 61, 0, "rx", "rx"},          // APTable: read-only
    {kAp1 | kReadOnly, uint64_t{1} << 59, 0, "r", "rx"},  // PXNTable
    {kAp1 | kReadOnly, uint64_t{1} << 60, 0, "rx", "r"},  // UXNTable
    {0, 0, kWxn, "rw", "x"},
    {kAp1, 0, kWxn, "rw", "rw"},
    {kAp1 | kReadOnly, 0, kWxn, "rx", "rx"},
};

std::string text_of(const Rights& rights) {
  return std::string(rights.read ? "r" : "") + (rights.write ? "w" : "") +
         (rights.execute ? "x" : "");
}

TEST(TlbsanWalk, GrantsWhatLeafAndTablesAllow) {
  for (const Rule& rule : kRules) {
    Memory memory;
    memory.put(0x10000, 0x11000 | kTable);
    memory.put(0x11000, 0x12000 | kTable | rule.table);
    memory.put(0x12000, 0x13000 | kTable);
    memory.put(0x13000, 0x4567'8000 | kAf | kPage | rule.leaf);
    const Regime regime{.sctlr = 1 | rule.sctlr, .tcr = kIps48 | 16 | 16 << 16, .ttbr0 = 0x10000};
    const Walk found = walk(regime, 0, memory.reader());
    ASSERT_TRUE(found.translates);
    EXPECT_EQ(text_of(found.el1), rule.el1) << std::hex << rule.leaf << ' ' << rule.table;
    EXPECT_EQ(text_of(found.el0), rule.el0) << std::hex << rule.leaf << ' ' << rule.table;
  }
}

TEST(TlbsanWalk, TakesBlocksWhereTheyMayBe) {
  Memory memory;
  const Regime regime{.sctlr = 1, .tcr = kIps48 | 16 | 16 << 16, .ttbr0 = 0x10000};
  memory.put(0x10000, 0x11000 | kTable);
  memory.put(0x11000, 0x4000'0000 | kAf | 1);  // 1 GiB
  memory.put(0x11008, 0x12000 | kTable);
  memory.put(0x12000, 0x8020'0000 | kAf | 1 | kNotGlobal);  // 2 MiB
  memory.put(0x12008, 0x13000 | kTable);
  memory.put(0x13000, 0x4567'8000 | kAf | 1);  // no block at L3
  memory.put(0x13008, 0x4567'8000 | kPage);    // the access flag is clear

  EXPECT_EQ(walk(regime, 0x1234'5678, memory.reader()).output(0x1234'5678), 0x5234'5678u);
  const Walk two_mib = walk(regime, 0x4012'3456, memory.reader());
  EXPECT_EQ(two_mib.output(0x4012'3456), 0x8032'3456u);
  EXPECT_FALSE(two_mib.is_global());
  EXPECT_FALSE(walk(regime, 0x4020'0000, memory.reader()).translates);
  EXPECT_FALSE(walk(regime, 0x4020'1000, memory.reader()).translates);
}

}  // namespace
}  // namespace tlbsan
