// SPDX-License-Identifier: MIT
/// TTBRn_EL1: a root and a tag in one word.
#include "arch/aarch64/regs/ttbr.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "described_fields.h"
#include "text_writer.h"

namespace meridian::arch {
namespace {

TEST(Ttbr, HoldsTheRootAndTheAsid) {
  EXPECT_EQ(Ttbr(Frame(PhysAddr(0x4063'9000)), 0).raw(), 0x0000'0000'4063'9000u);
  EXPECT_EQ(Ttbr(Frame(PhysAddr(0x0000'ffff'ffff'f000)), 0xffff).raw(), 0xffff'ffff'ffff'f000u);
  EXPECT_EQ(Ttbr(Frame(PhysAddr(0x1000)), 0x8001).raw(), 0x8001'0000'0000'1000u);
  EXPECT_THROW(Ttbr(Frame(PhysAddr(0x0001'0000'0000'0000)), 0), std::logic_error) << "49 bits";
}

TEST(Ttbr, ReadsThemBack) {
  const Ttbr ttbr(0xbeef'0000'4063'9001);  // CnP set
  EXPECT_EQ(ttbr.root(), Frame(PhysAddr(0x4063'9000)));
  EXPECT_EQ(ttbr.table(), PhysAddr(0x4063'9000));
  EXPECT_EQ(ttbr.asid(), 0xbeef);
  // A small first table need not start a page.
  EXPECT_EQ(Ttbr(0x0000'0000'4063'9040).table(), PhysAddr(0x4063'9040));
}

TEST(Ttbr, DescribesEveryBit) {
  TextWriter out;
  Ttbr(0x0012'0000'4063'9001).describe(out, "TTBR0_EL1");
  const DescribedFields fields(out.text);
  EXPECT_EQ(fields.bits, ~u64{0});
  EXPECT_EQ(fields.rebuilt, 0x0012'0000'4063'9001u);
  EXPECT_EQ(out.text,
            "TTBR0_EL1 0x0012000040639001\n"
            "  CnP       [0]        0x1  the same on all CPUs\n"
            "  BADDR     [47:1]  0x2031c800  root table at 0x0000000040639000\n"
            "  ASID      [63:48]   0x12  ASID 18\n");
}

}  // namespace
}  // namespace meridian::arch
