// SPDX-License-Identifier: MIT
/// TCR_EL1 against words worked out by hand, and against what Linux programs.
#include "arch/aarch64/regs/tcr.h"

#include <gtest/gtest.h>

#include "described_fields.h"
#include "mm/layout/arm64.h"
#include "text_writer.h"

namespace meridian::arch {
namespace {

constexpr Layout halves(unsigned user_bits, unsigned kernel_bits) {
  return {.name = "test",
          .user_bits = user_bits,
          .kernel_bits = kernel_bits,
          .image_base = 0,
          .regions = {}};
}

/// ID_AA64MMFR0_EL1 as QEMU's CPUs have it.
constexpr IdAa64Mmfr0 kA53{0x1122}, kA72{0x1124}, kA76{0x10'1122}, kN1{0x10'1125},
    kMax{0x323'1020'1126};

/// By hand: 16 | inner WBWA 1<<8 | outer WBWA 1<<10 | inner shareable 3<<12 | the same <<16 | TG1
/// 4K 2<<30 | IPS <<32 | AS 1<<36.
TEST(Tcr, For48BitsFollowsTheCpusAddressSize) {
  EXPECT_EQ(Tcr::for_layout(kArm64Layout, kA53).raw(), 0x12'b510'3510u);  // 40 bits
  EXPECT_EQ(Tcr::for_layout(kArm64Layout, kA72).raw(), 0x14'b510'3510u);  // 44
  EXPECT_EQ(Tcr::for_layout(kArm64Layout, kA76).raw(), 0x12'b510'3510u);  // 40
  EXPECT_EQ(Tcr::for_layout(kArm64Layout, kN1).raw(), 0x15'b510'3510u);   // 48
}

/// 52 bits need DS = 1 or 64 KiB pages; the encoding is reserved for what we program.
TEST(Tcr, ACpuWith52BitsIsToldToUse48) {
  EXPECT_EQ(Tcr::for_layout(kArm64Layout, kMax).raw(), 0x15'b510'3510u);
  EXPECT_EQ(Tcr::for_layout(kArm64Layout, IdAa64Mmfr0(0x1127)).raw(), 0x15'b510'3510u) << "56 bits";
}

TEST(Tcr, OtherHalvesChangeOnlyTheSizes) {
  EXPECT_EQ(Tcr::for_layout(halves(39, 39), kN1).raw(), 0x15'b519'3519u);  // 25, 25
  EXPECT_EQ(Tcr::for_layout(halves(47, 47), kN1).raw(), 0x15'b511'3511u);  // 17, 17
  EXPECT_EQ(Tcr::for_layout(halves(32, 30), kN1).raw(), 0x15'b522'3520u);  // 32, 34
}

TEST(Tcr, ACpuWith8BitAsidsIsNotAskedFor16) {
  EXPECT_EQ(Tcr::for_layout(kArm64Layout, IdAa64Mmfr0(0x1104)).raw(), 0x04'b510'3510u);
}

/// Linux 6.1's reading on cortex-a72 and max. We differ in two fields, on purpose: Linux keeps the
/// ASID in TTBR1 (A1) and lets programs tag pointers (TBI0).
TEST(Tcr, AgreesWithLinuxButForA1AndTbi0) {
  constexpr u64 kA1 = u64{1} << 22, kTbi0 = u64{1} << 37;
  EXPECT_EQ(Tcr::for_layout(kArm64Layout, kA72).raw() ^ 0x34'b550'3510u, kA1 | kTbi0);
  EXPECT_EQ(Tcr::for_layout(kArm64Layout, kMax).raw() ^ 0x35'b550'3510u, kA1 | kTbi0);
}

/// TG0 and TG1 name the same granules differently; each has an encoding that names none.
TEST(Tcr, TellsTheGranuleOfEachHalf) {
  const auto low = [](u64 tg0) { return Tcr(tg0 << 14).granule(Half::low); };
  const auto high = [](u64 tg1) { return Tcr(tg1 << 30).granule(Half::high); };

  EXPECT_EQ(low(0b00), Granule::k4);
  EXPECT_EQ(low(0b01), Granule::k64);
  EXPECT_EQ(low(0b10), Granule::k16);
  EXPECT_EQ(low(0b11), std::nullopt);
  EXPECT_EQ(high(0b10), Granule::k4);
  EXPECT_EQ(high(0b11), Granule::k64);
  EXPECT_EQ(high(0b01), Granule::k16);
  EXPECT_EQ(high(0b00), std::nullopt);
}

TEST(Tcr, TellsTheShapeOfTheHalves) {
  const Tcr tcr(0x15'b522'3520);
  EXPECT_EQ(tcr.user_bits(), 32u);
  EXPECT_EQ(tcr.kernel_bits(), 30u);
  EXPECT_EQ(tcr.geometry(Half::low), Geometry(Half::low, 32));
  EXPECT_EQ(tcr.geometry(Half::high), Geometry(Half::high, 30));
  EXPECT_EQ(tcr.with_tbi0(true).raw(), 0x35'b522'3520u);
  EXPECT_EQ(tcr.with_tbi0(true).with_tbi0(false).raw(), 0x15'b522'3520u);
  EXPECT_EQ(tcr.with_tbi0(true).geometry(Half::low), Geometry(Half::low, 32, TopByte::ignored));
  EXPECT_EQ(tcr.with_tbi0(true).top_byte(Half::high), TopByte::checked);
}

std::string described(u64 word) {
  TextWriter out;
  Tcr(word).describe(out);
  return out.text;
}

TEST(Tcr, DescribesEveryBitOnce) {
  // RES0: 6, 35, 63:62.
  for (const u64 word : {u64{0}, u64{0x35'b550'3510}, ~u64{0}}) {
    const DescribedFields fields(described(word));
    EXPECT_EQ(fields.bits, 0x3fff'fff7'ffff'ffbfu);
    EXPECT_FALSE(fields.twice);
    EXPECT_EQ(fields.rebuilt, word & 0x3fff'fff7'ffff'ffbf);
  }
  EXPECT_NE(described(~u64{0}).find("  other bits set: 0xc000000800000040\n"), std::string::npos);
  EXPECT_EQ(described(0x15'b510'3510).find("other bits"), std::string::npos);
}

TEST(Tcr, SaysWhatTheFieldsMean) {
  const std::string text = described(0x15'b522'3520);
  EXPECT_EQ(text.substr(0, text.find('\n')), "TCR_EL1 0x00000015b5223520");
  EXPECT_EQ(line_of(text, "T0SZ"),
            "  T0SZ      [5:0]     0x20  low half: 32 address bits, 4G, the walk starts at L1");
  EXPECT_EQ(line_of(text, "T1SZ"),
            "  T1SZ      [21:16]   0x22  high half: 30 address bits, 1G, the walk starts at L2");
  EXPECT_EQ(line_of(text, "TG0"), "  TG0       [15:14]    0x0  4 KiB granule");
  EXPECT_EQ(line_of(text, "TG1"), "  TG1       [31:30]    0x2  4 KiB granule");
  EXPECT_EQ(line_of(text, "IRGN1"),
            "  IRGN1     [25:24]    0x1  write-back, read and write allocate");
  EXPECT_EQ(line_of(text, "SH0"), "  SH0       [13:12]    0x3  inner shareable");
  EXPECT_EQ(line_of(text, "IPS"), "  IPS       [34:32]    0x5  48-bit physical addresses");
  EXPECT_EQ(line_of(text, "AS"), "  AS        [36]       0x1  16-bit ASIDs");
  EXPECT_EQ(line_of(text, "A1"), "  A1        [22]       0x0  the ASID is TTBR0's");
}

/// Whatever is in the register, out of reset or on a CPU that we do not know, the description
/// comes.
TEST(Tcr, DescribesAnyWord) {
  for (unsigned size = 0; size < 64; ++size)
    EXPECT_FALSE(described(size | u64{size} << 16).empty());
  EXPECT_NE(described(0).find("64 address bits\n"), std::string::npos);
  const std::string ones = described(~u64{0});
  EXPECT_EQ(line_of(ones, "TG0"), "  TG0       [15:14]    0x3  reserved");
  EXPECT_EQ(line_of(ones, "IPS"), "  IPS       [34:32]    0x7  reserved");
}

}  // namespace
}  // namespace meridian::arch
