// SPDX-License-Identifier: MIT
/// CTR_EL0 and DCZID_EL0 count words; we want bytes.
#include "arch/aarch64/regs/ctr.h"

#include <gtest/gtest.h>

#include "described_fields.h"
#include "text_writer.h"

namespace meridian::arch {
namespace {

/// cortex-a57 and a72; cortex-a53 differs in the instruction cache's policy.
TEST(Ctr, SizesAreInBytes) {
  const Ctr a72(0x8444'c004);
  EXPECT_EQ(a72.icache_line(), 64u);
  EXPECT_EQ(a72.dcache_line(), 64u);
  EXPECT_EQ(a72.exclusives_granule(), 64u);
  EXPECT_EQ(a72.writeback_granule(), 64u);
  EXPECT_TRUE(a72.icache_is_physical());
  EXPECT_FALSE(Ctr(0x8444'8004).icache_is_physical());
  EXPECT_TRUE(a72.needs_clean_for_fetch());
  EXPECT_TRUE(a72.needs_invalidate_for_fetch());
}

/// Each field another value, so that no one is read in another's place.
TEST(Ctr, EachFieldIsItsOwn) {
  const Ctr ctr(0xb652'c003);  // CWG 6, ERG 5, DminLine 2, IminLine 3, IDC and DIC set
  EXPECT_EQ(ctr.icache_line(), 32u);
  EXPECT_EQ(ctr.dcache_line(), 16u);
  EXPECT_EQ(ctr.exclusives_granule(), 128u);
  EXPECT_EQ(ctr.writeback_granule(), 256u);
  EXPECT_FALSE(ctr.needs_clean_for_fetch());
  EXPECT_FALSE(ctr.needs_invalidate_for_fetch());
}

TEST(Ctr, AGranuleOfZeroMeansNotSaid) {
  EXPECT_EQ(Ctr(0x8004'c004).exclusives_granule(), 0u);
  EXPECT_EQ(Ctr(0x8004'c004).writeback_granule(), 0u);
}

TEST(Ctr, DescribesEveryField) {
  TextWriter out;
  Ctr(0x8444'c004).describe(out);
  const DescribedFields fields(out.text);
  EXPECT_EQ(fields.bits, 0x3f'3fff'c00fu);
  EXPECT_EQ(fields.rebuilt, 0x0444'c004u);
  EXPECT_FALSE(fields.twice);
  EXPECT_EQ(line_of(out.text, "DminLine"),
            "  DminLine  [19:16]    0x4  smallest data cache line: 64 bytes");
  EXPECT_EQ(line_of(out.text, "L1Ip"),
            "  L1Ip      [15:14]    0x3  instruction cache found by physical address");
}

TEST(Dczid, TheBlockIsInBytes) {
  EXPECT_EQ(Dczid(0x4).block(), 64u);    // every Cortex
  EXPECT_EQ(Dczid(0x6).block(), 256u);   // a64fx
  EXPECT_EQ(Dczid(0x7).block(), 512u);   // QEMU's max
  EXPECT_EQ(Dczid(0x9).block(), 2048u);  // the largest
}

TEST(Dczid, AProhibitedInstructionHasNoBlock) {
  EXPECT_EQ(Dczid(0x14).block(), 0u);
  TextWriter out;
  Dczid(0x14).describe(out);
  EXPECT_EQ(out.text,
            "DCZID_EL0 0x0000000000000014\n"
            "  BS        [3:0]      0x4  DC ZVA zeroes 64 bytes\n"
            "  DZP       [4]        0x1  DC ZVA prohibited\n");
}

}  // namespace
}  // namespace meridian::arch
