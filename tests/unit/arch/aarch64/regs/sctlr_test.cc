// SPDX-License-Identifier: MIT
/// SCTLR_EL1 against words worked out by hand.
#include "arch/aarch64/regs/sctlr.h"

#include <gtest/gtest.h>

#include "described_fields.h"
#include "text_writer.h"

namespace meridian::arch {
namespace {

/// Bits 29, 28, 22, 20, 11 are RES1 or as if; 26 UCI, 23 SPAN, 18 nTWE, 16 nTWI, 15 UCT, 14 DZE, 12
/// I, 8 SED, 7 ITD, 4 SA0, 3 SA, 2 C, 0 M.
TEST(Sctlr, TurnsOnWhatTheKernelNeedsAndNothingElse) {
  const IdAa64Mmfr1 without_pan(0), with_pan(0x1021'2122);
  EXPECT_EQ(Sctlr::for_kernel(without_pan).raw(), 0x34d5'd99du);
  EXPECT_EQ(Sctlr::for_kernel(with_pan).raw(), 0x3455'd99du) << "SPAN clear: exceptions set PAN";
}

TEST(Sctlr, WithTheMmuOffHasOnlyTheBitsThatMustBeOne) {
  EXPECT_EQ(Sctlr::mmu_off().raw(), 0x30d0'0980u);
  EXPECT_FALSE(Sctlr::mmu_off().mmu_is_on());
  EXPECT_TRUE(Sctlr::for_kernel(IdAa64Mmfr1(0)).mmu_is_on());
}

/// Not set, each with a reason (see for_kernel): A, WXN, UMA, EE, E0E, everything above bit 31.
TEST(Sctlr, LeavesOffWhatWouldHideOrForbid) {
  const u64 word = Sctlr::for_kernel(IdAa64Mmfr1(0)).raw();
  for (const unsigned bit : {1u, 9u, 19u, 24u, 25u}) EXPECT_EQ(word >> bit & 1, 0u) << bit;
  EXPECT_EQ(word >> 32, 0u);
}

std::string described(u64 word) {
  TextWriter out;
  Sctlr(word).describe(out);
  return out.text;
}

TEST(Sctlr, DescribesEveryBitOnce) {
  // Not named: 17 (RES0), 34:32 and 56:45 (features without a use here), 63:58.
  constexpr u64 kNamed = 0x0200'1ff8'fffd'ffff;
  for (const u64 word : {u64{0}, u64{0x34d5'd99d}, ~u64{0}}) {
    const DescribedFields fields(described(word));
    EXPECT_EQ(fields.bits, kNamed);
    EXPECT_FALSE(fields.twice);
    EXPECT_EQ(fields.rebuilt, word & kNamed);
  }
  EXPECT_NE(described(~u64{0}).find("  other bits set: 0xfdffe00700020000\n"), std::string::npos);
}

TEST(Sctlr, SaysWhatTheFieldsMean) {
  const std::string text = described(0x3455'd99d);
  EXPECT_EQ(text.substr(0, text.find('\n')), "SCTLR_EL1 0x000000003455d99d");
  EXPECT_EQ(line_of(text, "M"), "  M         [0]        0x1  stage 1 translation on");
  EXPECT_EQ(line_of(text, "WXN"),
            "  WXN       [19]       0x0  the tables alone say what may execute");
  EXPECT_EQ(line_of(text, "SPAN"), "  SPAN      [23]       0x0  exceptions to EL1 set PSTATE.PAN");
}

}  // namespace
}  // namespace meridian::arch
