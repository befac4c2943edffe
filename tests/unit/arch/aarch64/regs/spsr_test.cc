// SPDX-License-Identifier: MIT
/// SPSR_EL1: what we write before ERET, and what a person reads.
#include "arch/aarch64/regs/spsr.h"

#include <gtest/gtest.h>

#include "text_writer.h"

namespace meridian::arch {
namespace {

TEST(Spsr, StartsProgramsAtEl0WithNothingMasked) {
  EXPECT_EQ(Spsr::el0().raw(), 0u);
  EXPECT_TRUE(Spsr::el0().is_el0());
}

TEST(Spsr, EntersTheKernelWithEverythingMasked) {
  EXPECT_EQ(Spsr::el1_masked().raw(), 0x3c5u);
  EXPECT_FALSE(Spsr::el1_masked().is_el0());
}

TEST(Spsr, ReadsAsWords) {
  struct Row {
    u64 word;
    const char* words;
  };
  const Row rows[] = {
      {0x0000'0000, "EL0t, masked ----, flags nzcv"},
      {0x0000'03c5, "EL1h, masked DAIF, flags nzcv"},
      {0x6000'0085, "EL1h, masked --I-, flags nZCv"},
      {0x9040'0000, "EL0t, masked ----, flags NzcV, PAN"},
      {0x0080'0044, "EL1t, masked ---F, flags nzcv, UAO"},
      {0x0000'03c9, "EL2h, masked DAIF, flags nzcv"},
      {0x0330'3c08,
       "EL2t, masked ----, flags nzcv, DIT, TCO, SSBS, ALLINT, single step, illegal "
       "state, BTYPE 3"},
      {0x0000'0010, "AArch32 or reserved, masked ----, flags nzcv"},
  };
  for (const Row& row : rows) {
    TextWriter out;
    Spsr(row.word).describe(out);
    EXPECT_EQ(out.text, row.words) << std::hex << row.word;
  }
}

}  // namespace
}  // namespace meridian::arch
