// SPDX-License-Identifier: MIT
/// Syndromes as real machines gave them, and what a person must read.
#include "arch/aarch64/regs/esr.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "seed.h"

namespace meridian::arch {
namespace {

std::string words(u64 esr) {
  BufferWriter<512> out;
  describe_esr(out, esr);
  EXPECT_FALSE(out.truncated());
  return std::string(out.text());
}

struct Case {
  u64 esr;
  const char* words;
};

TEST(Esr, ReadsAsWordsWhateverTheClass) {
  const Case cases[] = {
      {0x9600'0004,
       "data abort from the same level: read: translation fault at level 0 (no valid entry there, "
       "or an address outside both halves)"},
      {0x9600'0045,
       "data abort from the same level: write: translation fault at level 1 (no valid entry "
       "there, or an address outside both halves)"},
      {0x9600'004f,
       "data abort from the same level: write: permission fault at level 3 (mapped, but not with "
       "this right)"},
      {0x9600'0021, "data abort from the same level: read: alignment fault"},
      {0x9600'0035,
       "data abort from the same level: read: unsupported exclusive or atomic access (memory of a "
       "type that exclusives and atomics do not work on)"},
      {0x9600'0144,
       "data abort from the same level: cache maintenance: translation fault at level 0 (no valid "
       "entry there, or an address outside both halves)"},
      {0x9600'0410,
       "data abort from the same level: read: external abort (the bus refused the address), FAR is "
       "not valid"},
      {0x9200'000b,
       "data abort from a lower level (EL0): read: access flag fault at level 3 (mapped, AF "
       "clear)"},
      {0x93c7'8007,
       "data abort from a lower level (EL0): read, 8 bytes (x7): translation fault at level 3 (no "
       "valid entry there, or an address outside both halves)"},
      {0x933f'0047,
       "data abort from a lower level (EL0): write, 1 byte sign-extended (wzr): translation fault "
       "at level 3 (no valid entry there, or an address outside both halves)"},
      {0x8200'0006,
       "instruction abort from a lower level (EL0): fetch: translation fault at level 2 (no valid "
       "entry there, or an address outside both halves)"},
      {0x8600'000f,
       "instruction abort from the same level: fetch: permission fault at level 3 (mapped, but not "
       "with this right)"},
      {0x8600'0015,
       "instruction abort from the same level: fetch: external abort on the walk at level 1 (the "
       "bus refused the read of a descriptor)"},
      {0x5600'0000, "SVC: #0"},
      {0x5600'002a, "SVC: #42"},
      {0xf200'03e8,
       "BRK: comment 0x3e8: __builtin_trap() of GCC: unreachable code, or a UBSan check without a "
       "handler"},
      {0xf200'5512, "BRK: comment 0x5512: a UBSan check of Clang"},
      {0xf200'0001, "BRK: comment 0x1: __builtin_trap() of Clang"},
      {0xf200'0800, "BRK: comment 0x800"},
      {0x6232'c001, "trapped system instruction: MRS of CTR_EL0 = S3_3_C0_C0_1, x0"},
      {0x6231'fc44, "trapped system instruction: MSR to S3_7_C15_C2_0, x2"},
      {0x6230'0063, "trapped system instruction: MRS of S3_0_C0_C1_0, x3"},
      {0x6212'dc16, "trapped system instruction: DC CVAU = S1_3_C7_C11_1, x0"},
      {0x0200'0000, "unknown reason (an undefined instruction, as a rule)"},
      {0x07e0'0001, "trapped WFI or WFE: WFE"},
      {0x8a00'0000, "PC alignment fault"},
      {0x9a00'0000, "SP alignment fault"},
      {0x3a00'0000, "illegal execution state (PSTATE.IL)"},
      {0xbf00'0002, "SError: syndrome of this implementation, ISS 0x1000002"},
      {0xbe00'0011, "SError: uncontainable"},
      {0xbe00'0000, "SError: uncategorized"},
      {0xca00'0022, "software step from a lower level (EL0)"},
      {0xc200'0022, "hardware breakpoint from a lower level (EL0): ISS 0x22"},
      {0xd600'0062, "watchpoint from the same level: write"},
      {0x3600'0002,
       "branch target exception (BTI): PSTATE.BTYPE 2: the branch landed on an instruction that is "
       "no landing pad"},
      {0x7200'0001, "pointer authentication failure: instruction key B"},
      {0xb280'0002, "floating-point exception: divide by zero"},
      {0xfe00'0000, "reserved exception class"},
  };
  for (const Case& c : cases) EXPECT_EQ(words(c.esr), c.words) << std::hex << c.esr;
}

TEST(Esr, SaysThatTheKernelIsBuiltWithoutFpWhenFpTraps) {
  EXPECT_NE(words(0x1fe0'0000).find("built with general registers only"), std::string::npos);
}

TEST(Esr, TellsWhoseFaultItIsAndWhatWasWanted) {
  EXPECT_EQ(Esr(0x9200'0047).ec(), ExceptionClass::data_abort_lower);
  EXPECT_EQ(Esr(0x9600'0047).ec(), ExceptionClass::data_abort_same);
  EXPECT_TRUE(Esr(0x9200'0047).is_data_abort());
  EXPECT_TRUE(Esr(0x9200'0047).is_write());
  EXPECT_FALSE(Esr(0x9200'0007).is_write());
  EXPECT_TRUE(Esr(0x8200'0007).is_instruction_abort());
  EXPECT_FALSE(Esr(0x8200'0047).is_write());  // bit 6 is RES0 in an instruction abort
  EXPECT_FALSE(Esr(0x5600'0000).is_abort());
  EXPECT_EQ(Esr(0x5600'002a).imm16(), 42u);
}

/// FAR is UNKNOWN after most exceptions; a report that prints it as an address would mislead.
TEST(Esr, KnowsWhenFarHoldsTheAddress) {
  EXPECT_TRUE(Esr(0x9600'0004).far_is_valid());
  EXPECT_TRUE(Esr(0x8600'0004).far_is_valid());
  EXPECT_TRUE(Esr(0x8a00'0000).far_is_valid());   // PC alignment
  EXPECT_TRUE(Esr(0xd600'0062).far_is_valid());   // watchpoint
  EXPECT_FALSE(Esr(0x9600'0410).far_is_valid());  // FnV
  EXPECT_FALSE(Esr(0xf200'0001).far_is_valid());  // BRK
  EXPECT_FALSE(Esr(0x9a00'0000).far_is_valid());  // SP alignment
}

TEST(Esr, GivesTheAccessSizeOnlyIfTheSyndromeHasIt) {
  EXPECT_EQ(Esr(0x93c7'8007).access_size(), 8u);
  EXPECT_EQ(Esr(0x9307'0007).access_size(), 1u);
  EXPECT_EQ(Esr(0x9600'0007).access_size(), 0u);
}

TEST(Esr, DecodesEveryFaultStatusCode) {
  struct Code {
    u64 fsc;
    FaultCode meaning;
  };
  const Code codes[] = {
      {0x00, {FaultStatus::address_size, 0}},
      {0x03, {FaultStatus::address_size, 3}},
      {0x04, {FaultStatus::translation, 0}},
      {0x07, {FaultStatus::translation, 3}},
      {0x08, {FaultStatus::access_flag, 0}},
      {0x0b, {FaultStatus::access_flag, 3}},
      {0x0c, {FaultStatus::permission, 0}},
      {0x0f, {FaultStatus::permission, 3}},
      {0x10, {FaultStatus::external}},
      {0x11, {FaultStatus::tag_check}},
      {0x13, {FaultStatus::external_on_walk, -1}},
      {0x14, {FaultStatus::external_on_walk, 0}},
      {0x17, {FaultStatus::external_on_walk, 3}},
      {0x18, {FaultStatus::parity}},
      {0x1c, {FaultStatus::parity_on_walk, 0}},
      {0x1f, {FaultStatus::parity_on_walk, 3}},
      {0x21, {FaultStatus::alignment}},
      {0x28, {FaultStatus::granule_protection}},
      {0x29, {FaultStatus::address_size, -1}},
      {0x2b, {FaultStatus::translation, -1}},
      {0x30, {FaultStatus::tlb_conflict}},
      {0x31, {FaultStatus::atomic_update}},
      {0x34, {FaultStatus::lockdown}},
      {0x35, {FaultStatus::unsupported_exclusive}},
      {0x3f, {FaultStatus::reserved}},
      {0x20, {FaultStatus::reserved}},
  };
  for (const Code& c : codes) EXPECT_EQ(decode_fault_code(c.fsc), c.meaning) << std::hex << c.fsc;
}

/// A report must never be the second fault: any value, valid or not, gives one short line.
TEST(Esr, DescribesAnyValueInOneShortLine) {
  std::mt19937_64 random(test_seed());
  for (u64 ec = 0; ec < 64; ++ec) {
    for (u64 low = 0; low < 0x1000; ++low) {
      const u64 iss = low < 0x400 ? low : random() & 0x1ff'ffff;
      const u64 esr = (random() & ~u64{0xffff'ffff}) | ec << 26 | (random() & 0x200'0000) | iss;
      const std::string text = words(esr);
      ASSERT_FALSE(text.empty()) << std::hex << esr;
      ASSERT_EQ(text.find('\n'), std::string::npos) << std::hex << esr;
    }
  }
}

}  // namespace
}  // namespace meridian::arch
