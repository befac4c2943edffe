// SPDX-License-Identifier: MIT
/// TLBI operands, bit by bit: QEMU ignores the ASID and the TTL hint, so only here a mistake shows.
#include "arch/aarch64/vmsa/tlbi_operand.h"

#include <gtest/gtest.h>

#include <random>

#include "seed.h"

namespace meridian::arch {
namespace {

TEST(TlbiOperand, HoldsAddressBits55To12AndTheAsidOnTop) {
  struct Row {
    u64 va;
    u16 asid;
    u64 operand;
  };
  const Row rows[] = {
      {0x0000'0000'0000'0000, 0x0000, 0x0000'0000'0000'0000},
      {0x0000'0000'0000'1000, 0x0001, 0x0001'0000'0000'0001},
      {0x0000'ffff'ffff'f000, 0xffff, 0xffff'000f'ffff'ffff},
      {0x0000'0000'0040'0fff, 0x00ff, 0x00ff'0000'0000'0400},  // the offset in the page is dropped
      {0xffff'0000'0000'0000, 0x0000, 0x0000'0ff0'0000'0000},  // bits 55:48 are part of it
      {0xffff'ffff'ffff'f000, 0x1234, 0x1234'0fff'ffff'ffff},
      {0x5500'0000'0040'1000, 0x0002, 0x0002'0000'0000'0401},  // a tag is not
  };
  for (const Row& row : rows)
    EXPECT_EQ(tlbi_operand(VirtAddr(row.va), row.asid), row.operand) << std::hex << row.va;
}

TEST(TlbiOperand, ForAllAsidsHasNoneInIt) {
  EXPECT_EQ(tlbi_operand(VirtAddr(0xffff'ffff'ffff'f000)), 0x0000'0fff'ffff'ffffu);
}

TEST(TlbiOperand, ForAnAsidHasNothingElseInIt) {
  EXPECT_EQ(tlbi_operand(u16{0xbeef}), 0xbeef'0000'0000'0000u);
  EXPECT_EQ(tlbi_operand(u16{0}), 0u);
}

/// A TTL hint that is not true leaves the entry in the TLB of a CPU that believes it.
TEST(TlbiOperand, NeverSetsTheTtlHint) {
  std::mt19937_64 random(test_seed());
  for (int i = 0; i < 10'000; ++i) {
    const u64 va = random();
    const u16 asid = static_cast<u16>(random());
    EXPECT_EQ(tlbi_operand(VirtAddr(va), asid) & 0x0000'f000'0000'0000, 0u);
    EXPECT_EQ(tlbi_operand(VirtAddr(va)) & 0xffff'f000'0000'0000, 0u);
    EXPECT_EQ(tlbi_operand(VirtAddr(va), asid) >> 48, asid);
  }
}

}  // namespace
}  // namespace meridian::arch
