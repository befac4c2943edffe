// SPDX-License-Identifier: MIT
/// Names for addresses: the table that the build writes, read at its edges and with its bytes
/// damaged.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "kernel/log/symbols.h"
#include "seed.h"

namespace meridian {
namespace {

/// Three functions: "first" at 0x40, "second" at 0x80, "third" from 0x100 up to 0x180.
std::vector<u8> three_functions() {
  const u32 words[] = {3, 0x40, 0x80, 0x100, 0x180, 0, 6, 13};
  const char names[] = "first\0second\0third";
  std::vector<u8> table(reinterpret_cast<const u8*>(words),
                        reinterpret_cast<const u8*>(words) + sizeof words);
  table.insert(table.end(), names, names + sizeof names);
  return table;
}

std::string found(const SymbolTable& table, u64 offset) {
  const std::optional<SymbolPlace> place = table.find(offset);
  if (!place) return "nothing";
  return std::string(place->name) + "+" + std::to_string(place->offset);
}

TEST(SymbolTable, FindsTheFunctionThatAnOffsetLiesIn) {
  const std::vector<u8> bytes = three_functions();
  const SymbolTable table(bytes);
  EXPECT_EQ(table.count(), 3u);
  EXPECT_EQ(found(table, 0x3f), "nothing");
  EXPECT_EQ(found(table, 0x40), "first+0");
  EXPECT_EQ(found(table, 0x7f), "first+63");
  EXPECT_EQ(found(table, 0x80), "second+0");
  EXPECT_EQ(found(table, 0x17f), "third+127");
  EXPECT_EQ(found(table, 0x180), "nothing");
  EXPECT_EQ(found(table, ~u64{0}), "nothing");
}

/// The image may be linked without a table, and a backtrace must still come out.
TEST(SymbolTable, IsEmptyWithoutBytes) {
  EXPECT_EQ(SymbolTable().count(), 0u);
  EXPECT_EQ(found(SymbolTable(std::span<const u8>()), 0x40), "nothing");
}

TEST(SymbolTable, IsEmptyWhenCutShortAnywhereInItsWords) {
  const std::vector<u8> bytes = three_functions();
  for (usize size = 0; size < 8 * sizeof(u32); ++size)
    EXPECT_EQ(SymbolTable(std::span(bytes).first(size)).count(), 0u) << size;
}

/// A stray write may have hit the table before the fault that wants to read it.
TEST(SymbolTable, NeverReadsOutsideItselfWhateverItsBytes) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 20000; ++round) {
    std::vector<u8> bytes = three_functions();
    for (int i = 0; i < 4; ++i) bytes[random() % bytes.size()] = static_cast<u8>(random());
    const SymbolTable table(bytes);
    (void)found(table, random() % 0x200);
    (void)found(table, random());
  }
}

}  // namespace
}  // namespace meridian
