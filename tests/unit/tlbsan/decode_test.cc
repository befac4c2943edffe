// SPDX-License-Identifier: MIT
#include "tests/tlbsan/decode.h"

#include <gtest/gtest.h>

namespace tlbsan {
namespace {

/// The words are the GNU assembler's.
TEST(TlbsanDecode, TellsEveryFormOfTlbi) {
  struct {
    uint32_t word;
    const char* name;
    uint8_t rt;
    bool shareable, range, unknown;
  } constexpr kForms[] = {
      {0xd508871f, "vmalle1", 31, false, false, false},
      {0xd508831f, "vmalle1is", 31, true, false, false},
      {0xd508811f, "vmalle1is", 31, true, false, false},  // vmalle1os
      {0xd5088343, "aside1is", 3, true, false, false},
      {0xd5088722, "vae1", 2, false, false, false},
      {0xd50883a4, "vale1is", 4, true, false, false},
      {0xd5088365, "vaae1is", 5, true, false, false},
      {0xd50883fe, "vaale1is", 30, true, false, false},
      {0xd5088226, "vae1is", 6, true, true, false},       // rvae1is
      {0xd50882e7, "vaale1is", 7, true, true, false},     // rvaale1is
      {0xd50c839f, "vmalle1is", 31, true, false, false},  // alle1is
      {0xd50c8321, "none of EL1's", 1, true, false, false},  // vae2is
      {0xd508831f | 4u << 5, "none of EL1's", 31, true, false, true},  // no such form
  };
  for (const auto& form : kForms) {
    const Instruction found = decode(form.word);
    EXPECT_EQ(found.opcode, Opcode::tlbi) << std::hex << form.word;
    EXPECT_STREQ(name_of(found.tlbi), form.name);
    EXPECT_EQ(found.rt, form.rt);
    EXPECT_EQ(found.tlbi.shareable, form.shareable) << form.name;
    EXPECT_EQ(found.tlbi.range, form.range) << std::hex << form.word;
    EXPECT_EQ(found.tlbi.unknown, form.unknown) << std::hex << form.word;
  }
}

TEST(TlbsanDecode, TellsWhatEachDsbWaitsFor) {
  struct {
    uint32_t word;
    bool stores, all, shareable;
  } constexpr kBarriers[] = {
      {0xd5033b9f, true, true, true},    // ish
      {0xd5033a9f, true, false, true},   // ishst
      {0xd503379f, true, true, false},   // nsh
      {0xd503399f, false, false, true},  // ishld
      {0xd5033f9f, true, true, true},    // sy
  };
  for (const auto& barrier : kBarriers) {
    const Instruction found = decode(barrier.word);
    EXPECT_EQ(found.opcode, Opcode::dsb) << std::hex << barrier.word;
    EXPECT_EQ(found.dsb.stores, barrier.stores) << std::hex << barrier.word;
    EXPECT_EQ(found.dsb.all, barrier.all) << std::hex << barrier.word;
    EXPECT_EQ(found.dsb.shareable, barrier.shareable) << std::hex << barrier.word;
  }
}

TEST(TlbsanDecode, TellsTheRegistersThatTranslationDependsOn) {
  constexpr std::pair<uint32_t, Register> kWrites[] = {
      {0xd5182009, Register::ttbr0_el1}, {0xd518202a, Register::ttbr1_el1},
      {0xd518204b, Register::tcr_el1},   {0xd518100c, Register::sctlr_el1},
      {0xd518d08d, Register::tpidr_el1}, {0xd518410e, Register::sp_el0},
  };
  for (const auto& [word, target] : kWrites) {
    EXPECT_EQ(decode(word).opcode, Opcode::write_register) << std::hex << word;
    EXPECT_EQ(decode(word).target, target) << std::hex << word;
  }
  for (const uint32_t other : {0xd518a209u, 0xd5382000u, 0xd503201fu, 0xd5033bbfu, 0xf9400041u})
    EXPECT_EQ(decode(other).opcode, Opcode::other) << std::hex << other;
  EXPECT_EQ(decode(0xd5033fdf).opcode, Opcode::isb);
  EXPECT_EQ(decode(0xd69f03e0).opcode, Opcode::eret);
  EXPECT_EQ(decode(0xd50b7428).opcode, Opcode::dc_zva);
}

TEST(TlbsanDecode, TellsAccessesWithTheRightsOfEl0) {
  EXPECT_TRUE(decode(0xf8400841).unprivileged);   // ldtr x1, [x2]
  EXPECT_TRUE(decode(0x38000841).unprivileged);   // sttrb w1, [x2]
  EXPECT_FALSE(decode(0xf9400041).unprivileged);  // ldr x1, [x2]
}

}  // namespace
}  // namespace tlbsan
