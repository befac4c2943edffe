// SPDX-License-Identifier: MIT
/// PAR_EL1 in both its layouts.
#include "arch/aarch64/regs/par.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "described_fields.h"
#include "text_writer.h"

namespace meridian::arch {
namespace {

// Bit 11 is RES1 in both.
constexpr Par kNormal(0xff00'0000'4008'0b80);    // ATTR ff, NS, SH inner
constexpr Par kDevice(0x0400'0000'0900'0b00);    // ATTR 04, NS, SH outer
constexpr Par kNothing(0x0000'0000'0000'0809);   // FST 000100: translation, level 0
constexpr Par kReadOnly(0x0000'0000'0000'081f);  // FST 001111: permission, level 3

TEST(Par, ASuccessTellsFrameTypeAndSharing) {
  EXPECT_FALSE(kNormal.failed());
  EXPECT_EQ(kNormal.frame(), Frame(PhysAddr(0x4008'0000)));
  EXPECT_EQ(kNormal.attr(), 0xff);
  EXPECT_EQ(kNormal.shareability(), Shareability::inner);
  EXPECT_EQ(kDevice.frame(), Frame(PhysAddr(0x0900'0000)));
  EXPECT_EQ(kDevice.attr(), 0x04);
  EXPECT_EQ(kDevice.shareability(), Shareability::outer);
  EXPECT_EQ(Par(0xffff'ffff'ffff'fb80).frame(), Frame(PhysAddr(0x0000'ffff'ffff'f000)));
  EXPECT_THROW((void)kNormal.fault_code(), std::logic_error);
}

TEST(Par, AFailureTellsWhyAndWhere) {
  EXPECT_TRUE(kNothing.failed());
  EXPECT_EQ(kNothing.fault_code(), (FaultCode{FaultStatus::translation, 0}));
  EXPECT_EQ(kReadOnly.fault_code(), (FaultCode{FaultStatus::permission, 3}));
  EXPECT_EQ(Par(0x813).fault_code(), (FaultCode{FaultStatus::access_flag, 1}));
  EXPECT_THROW((void)kNothing.frame(), std::logic_error);
}

TEST(Par, DescribesBothLayouts) {
  TextWriter out;
  kNormal.describe(out);
  EXPECT_EQ(out.take(),
            "PAR_EL1 0xff00000040080b80\n"
            "  F         [0]        0x0  translated\n"
            "  SH        [8:7]      0x3  inner shareable\n"
            "  NS        [9]        0x1  Non-secure\n"
            "  PA        [47:12] 0x40080  0x0000000040080000\n"
            "  ATTR      [63:56]   0xff  normal write-back, read and write allocate\n");
  kReadOnly.describe(out);
  EXPECT_EQ(out.take(),
            "PAR_EL1 0x000000000000081f\n"
            "  F         [0]        0x1  failed\n"
            "  FST       [6:1]      0xf  permission fault, level 3\n"
            "  PTW       [8]        0x0  not on a table read\n"
            "  S         [9]        0x0  at stage 1\n");
}

}  // namespace
}  // namespace meridian::arch
