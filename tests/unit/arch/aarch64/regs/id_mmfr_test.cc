// SPDX-License-Identifier: MIT
/// What each of QEMU's CPUs says of its memory system, as read there, and what it means.
#include "arch/aarch64/regs/id_mmfr.h"

#include <gtest/gtest.h>

#include "described_fields.h"
#include "text_writer.h"

namespace meridian::arch {
namespace {

using enum GranuleSupport;

struct Cpu {
  const char* name;
  u64 mmfr0, mmfr1, mmfr2;
  unsigned pa_bits;
  GranuleSupport k4, k16, k64;
  bool pan;
  unsigned va_bits_64k, least_va_bits;
};
constexpr Cpu kCpus[] = {
    {"cortex-a35", 0x10'1122, 0, 0, 40, yes, yes, yes, false, 48, 25},
    {"cortex-a53", 0x1122, 0, 0, 40, yes, absent, yes, false, 48, 25},
    {"cortex-a57", 0x1124, 0, 0, 44, yes, absent, yes, false, 48, 25},
    {"cortex-a72", 0x1124, 0, 0, 44, yes, absent, yes, false, 48, 25},
    {"cortex-a76", 0x10'1122, 0x1021'2122, 0x1011, 40, yes, yes, yes, true, 48, 25},
    {"neoverse-n1", 0x10'1125, 0x1021'2122, 0x1011, 48, yes, yes, yes, true, 48, 25},
    {"a64fx", 0x1122, 0x1121'2100, 0x1011, 40, yes, absent, yes, true, 48, 25},
    {"max", 0x323'1020'1126, 0x110'1021'1122, 0x1021'0110'1001'1011, 52, with_52_bits, with_52_bits,
     yes, true, 52, 16},
    {"max,lpa2=off", 0x222'0010'1126, 0x110'1021'1122, 0x1021'0110'1001'1011, 52, yes, yes, yes,
     true, 52, 16},
};

TEST(IdMmfr, ReadsEveryCpuOfQemu) {
  for (const Cpu& cpu : kCpus) {
    SCOPED_TRACE(cpu.name);
    const IdAa64Mmfr0 mmfr0(cpu.mmfr0);
    const IdAa64Mmfr2 mmfr2(cpu.mmfr2);
    EXPECT_EQ(mmfr0.pa_bits(), cpu.pa_bits);
    EXPECT_EQ(mmfr0.asid_bits(), 16u);
    EXPECT_EQ(mmfr0.support(Granule::k4), cpu.k4);
    EXPECT_EQ(mmfr0.support(Granule::k16), cpu.k16);
    EXPECT_EQ(mmfr0.support(Granule::k64), cpu.k64);
    EXPECT_EQ(IdAa64Mmfr1(cpu.mmfr1).has_pan(), cpu.pan);
    EXPECT_EQ(mmfr2.va_bits(), cpu.va_bits_64k);
    EXPECT_EQ(mmfr2.least_va_bits(Granule::k4), cpu.least_va_bits);
  }
}

TEST(IdMmfr, PaRangeHasItsOwnTable) {
  constexpr unsigned kBits[] = {32, 36, 40, 42, 44, 48, 52, 56, 56};
  for (u64 value = 0; value < std::size(kBits); ++value)
    EXPECT_EQ(IdAa64Mmfr0(value).pa_bits(), kBits[value]) << value;
}

/// TGran4 and TGran64 are signed, -1 meaning absent; TGran16 is unsigned, 0 meaning absent.
TEST(IdMmfr, TheGranuleFieldsCountDifferently) {
  const IdAa64Mmfr0 zero(0), ones(0xfff0'0000);
  EXPECT_EQ(zero.support(Granule::k4), yes);
  EXPECT_EQ(zero.support(Granule::k64), yes);
  EXPECT_EQ(zero.support(Granule::k16), absent);
  EXPECT_EQ(ones.support(Granule::k4), absent);
  EXPECT_EQ(ones.support(Granule::k64), absent);
  EXPECT_EQ(IdAa64Mmfr0(0x1000'0000).support(Granule::k4), with_52_bits);
  EXPECT_EQ(IdAa64Mmfr0(0x0010'0000).support(Granule::k16), yes);
  EXPECT_EQ(IdAa64Mmfr0(0x0020'0000).support(Granule::k16), with_52_bits);
}

TEST(IdMmfr, AsidsHave8BitsUnlessTheFieldSays16) {
  EXPECT_EQ(IdAa64Mmfr0(0x00).asid_bits(), 8u);
  EXPECT_EQ(IdAa64Mmfr0(0x20).asid_bits(), 16u);
}

TEST(IdMmfr, FeaturesOfTheNewerCpus) {
  const IdAa64Mmfr1 n1(0x1021'2122);
  EXPECT_TRUE(n1.has_hardware_access_flag());
  EXPECT_TRUE(n1.has_hardware_dirty_state());
  EXPECT_TRUE(n1.has_virtualization_host());
  const IdAa64Mmfr1 a64fx(0x1121'2100);
  EXPECT_FALSE(a64fx.has_hardware_access_flag());
  EXPECT_TRUE(a64fx.has_virtualization_host());
  const IdAa64Mmfr2 n1_2(0x1011), max(0x1021'0110'1001'1011);
  EXPECT_TRUE(n1_2.has_common_not_private());
  EXPECT_TRUE(n1_2.has_uao());
  EXPECT_FALSE(n1_2.has_e0pd());
  EXPECT_EQ(n1_2.bbm_level(), 0u);
  EXPECT_TRUE(max.has_e0pd());
  EXPECT_EQ(max.bbm_level(), 2u);
  EXPECT_EQ(max.least_va_bits(Granule::k64), 17u);
}

/// Arm ARM D8.2: how many levels each granule's tables need for each size of a half.
TEST(IdMmfr, LevelsFollowFromTheGranuleAndTheBits) {
  EXPECT_EQ(levels_for(Granule::k4, 48), 4u);
  EXPECT_EQ(levels_for(Granule::k4, 39), 3u);
  EXPECT_EQ(levels_for(Granule::k4, 30), 2u);
  EXPECT_EQ(levels_for(Granule::k4, 52), 5u);
  EXPECT_EQ(levels_for(Granule::k16, 48), 4u) << "one bit is left for L0";
  EXPECT_EQ(levels_for(Granule::k16, 47), 3u);
  EXPECT_EQ(levels_for(Granule::k16, 36), 2u);
  EXPECT_EQ(levels_for(Granule::k64, 42), 2u);
  EXPECT_EQ(levels_for(Granule::k64, 52), 3u);
}

/// The table of combinations that a tour stop prints.
TEST(IdMmfr, TheChoicesOfACpu) {
  struct Row {
    u64 mmfr0, mmfr2;
    Granule granule;
    GranuleSupport support;
    unsigned least, most, levels, pa;
  };
  const Row rows[] = {
      {0x10'1125, 0x1011, Granule::k4, yes, 25, 48, 4, 48},  // neoverse-n1
      {0x10'1125, 0x1011, Granule::k16, yes, 25, 48, 4, 48},
      {0x10'1125, 0x1011, Granule::k64, yes, 25, 48, 3, 48},
      {0x1122, 0, Granule::k16, absent, 25, 48, 4, 40},  // cortex-a53
      {0x323'1020'1126, 0x1021'0110'1001'1011, Granule::k4, with_52_bits, 16, 52, 5, 52},  // max
      {0x323'1020'1126, 0x1021'0110'1001'1011, Granule::k16, with_52_bits, 16, 52, 4, 52},
      {0x323'1020'1126, 0x1021'0110'1001'1011, Granule::k64, yes, 17, 52, 3, 52},
      {0x222'0010'1126, 0x1021'0110'1001'1011, Granule::k4, yes, 16, 48, 4, 48},
  };
  for (const Row& row : rows) {
    const TranslationChoice choice =
        translation_choice(row.granule, IdAa64Mmfr0(row.mmfr0), IdAa64Mmfr2(row.mmfr2));
    SCOPED_TRACE(testing::Message() << std::hex << row.mmfr0 << " " << bytes_of(row.granule));
    EXPECT_EQ(choice.granule, row.granule);
    EXPECT_EQ(choice.support, row.support);
    EXPECT_EQ(choice.least_va_bits, row.least);
    EXPECT_EQ(choice.most_va_bits, row.most);
    EXPECT_EQ(choice.most_levels, row.levels);
    EXPECT_EQ(choice.pa_bits, row.pa);
  }
}

template <typename Register>
std::string described(u64 word) {
  TextWriter out;
  Register(word).describe(out);
  return out.text;
}

TEST(IdMmfr, DescribesEveryFieldOnce) {
  for (const Cpu& cpu : kCpus) {
    SCOPED_TRACE(cpu.name);
    const DescribedFields mmfr0(described<IdAa64Mmfr0>(cpu.mmfr0));
    const DescribedFields mmfr1(described<IdAa64Mmfr1>(cpu.mmfr1));
    const DescribedFields mmfr2(described<IdAa64Mmfr2>(cpu.mmfr2));
    EXPECT_EQ(mmfr0.bits, 0xff00'ffff'ffff'ffffu);
    EXPECT_EQ(mmfr1.bits, 0x0fff'ffff'ffff'ffffu);
    EXPECT_EQ(mmfr2.bits, 0xffff'0fff'ffff'ffffu);
    EXPECT_FALSE(mmfr0.twice || mmfr1.twice || mmfr2.twice);
    EXPECT_EQ(mmfr0.rebuilt, cpu.mmfr0);
    EXPECT_EQ(mmfr1.rebuilt, cpu.mmfr1);
    EXPECT_EQ(mmfr2.rebuilt, cpu.mmfr2);
  }
}

TEST(IdMmfr, SaysWhatTheFieldsMean) {
  const std::string mmfr0 = described<IdAa64Mmfr0>(0x323'1020'1126);
  EXPECT_EQ(line_of(mmfr0, "PARange"), "  PARange   [3:0]      0x6  52-bit physical addresses");
  EXPECT_EQ(line_of(mmfr0, "TGran4"),
            "  TGran4    [31:28]    0x1  4K pages: yes, also with 52-bit addresses (LPA2)");
  EXPECT_EQ(line_of(described<IdAa64Mmfr0>(0x1122), "TGran16"),
            "  TGran16   [23:20]    0x0  16K pages: no");
  EXPECT_EQ(line_of(described<IdAa64Mmfr1>(0x1021'2122), "HAFDBS"),
            "  HAFDBS    [3:0]      0x2  hardware updates the access flag and dirty state");
  EXPECT_EQ(line_of(described<IdAa64Mmfr1>(0), "PAN"),
            "  PAN       [23:20]    0x0  no privileged access never");
}

}  // namespace
}  // namespace meridian::arch
