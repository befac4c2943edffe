// SPDX-License-Identifier: MIT
/// Descriptors against words worked out from the manual's bit numbers, for every attribute
/// combination at every level, and back.
#include "arch/aarch64/vmsa/descriptor.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <string>

#include "seed.h"
#include "text_writer.h"

namespace meridian::arch {
namespace {

constexpr MemoryType kTypes[] = {MemoryType::normal, MemoryType::normal_uncached,
                                 MemoryType::device, MemoryType::device_strict};
constexpr Level kLeafLevels[] = {Level::L1, Level::L2, Level::L3};

/// L3 words for a page at address 0, global (nG clear), accessed (AF set), not contiguous. By hand:
/// bits 1:0 are 11; AttrIndx (4:2) is the type in order; AP (7:6) 00 EL1 rw, 01 EL0 rw, 10 EL1 ro,
/// 11 EL0 ro; SH (9:8) 11 for normal, 10 for the rest; AF is bit 10; PXN bit 53, UXN bit 54.
struct Golden {
  MemoryType type;
  bool user, write, execute;
  u64 word;
};
constexpr Golden kGolden[] = {
    {MemoryType::normal, false, false, false, 0x0060'0000'0000'0783},
    {MemoryType::normal, false, false, true, 0x0040'0000'0000'0783},
    {MemoryType::normal, false, true, false, 0x0060'0000'0000'0703},
    {MemoryType::normal, false, true, true, 0x0040'0000'0000'0703},
    {MemoryType::normal, true, false, false, 0x0060'0000'0000'07c3},
    {MemoryType::normal, true, false, true, 0x0020'0000'0000'07c3},
    {MemoryType::normal, true, true, false, 0x0060'0000'0000'0743},
    {MemoryType::normal, true, true, true, 0x0020'0000'0000'0743},
    {MemoryType::normal_uncached, false, false, false, 0x0060'0000'0000'0687},
    {MemoryType::normal_uncached, false, false, true, 0x0040'0000'0000'0687},
    {MemoryType::normal_uncached, false, true, false, 0x0060'0000'0000'0607},
    {MemoryType::normal_uncached, false, true, true, 0x0040'0000'0000'0607},
    {MemoryType::normal_uncached, true, false, false, 0x0060'0000'0000'06c7},
    {MemoryType::normal_uncached, true, false, true, 0x0020'0000'0000'06c7},
    {MemoryType::normal_uncached, true, true, false, 0x0060'0000'0000'0647},
    {MemoryType::normal_uncached, true, true, true, 0x0020'0000'0000'0647},
    {MemoryType::device, false, false, false, 0x0060'0000'0000'068b},
    {MemoryType::device, false, false, true, 0x0040'0000'0000'068b},
    {MemoryType::device, false, true, false, 0x0060'0000'0000'060b},
    {MemoryType::device, false, true, true, 0x0040'0000'0000'060b},
    {MemoryType::device, true, false, false, 0x0060'0000'0000'06cb},
    {MemoryType::device, true, false, true, 0x0020'0000'0000'06cb},
    {MemoryType::device, true, true, false, 0x0060'0000'0000'064b},
    {MemoryType::device, true, true, true, 0x0020'0000'0000'064b},
    {MemoryType::device_strict, false, false, false, 0x0060'0000'0000'068f},
    {MemoryType::device_strict, false, false, true, 0x0040'0000'0000'068f},
    {MemoryType::device_strict, false, true, false, 0x0060'0000'0000'060f},
    {MemoryType::device_strict, false, true, true, 0x0040'0000'0000'060f},
    {MemoryType::device_strict, true, false, false, 0x0060'0000'0000'06cf},
    {MemoryType::device_strict, true, false, true, 0x0020'0000'0000'06cf},
    {MemoryType::device_strict, true, true, false, 0x0060'0000'0000'064f},
    {MemoryType::device_strict, true, true, true, 0x0020'0000'0000'064f},
};

/// Calls check(level, attributes, word) for all 768 combinations; the word maps address 0.
template <typename Check>
void for_each_combination(Check check) {
  for (const Golden& row : kGolden) {
    for (const Level level : kLeafLevels) {
      for (unsigned rest = 0; rest < 8; ++rest) {
        const bool global = (rest & 1) != 0, accessed = (rest & 2) != 0,
                   contiguous = (rest & 4) != 0;
        u64 word = row.word;
        if (level != Level::L3) word -= 0b10;
        if (!global) word += 0x800;
        if (!accessed) word -= 0x400;
        if (contiguous) word += 0x0010'0000'0000'0000;
        check(level,
              Attributes{.type = row.type,
                         .user = row.user,
                         .write = row.write,
                         .execute = row.execute,
                         .global = global,
                         .accessed = accessed,
                         .contiguous = contiguous},
              word);
      }
    }
  }
}

TEST(Descriptor, EveryAttributeCombinationHasItsGoldenWordAtEveryLevel) {
  unsigned count = 0;
  for_each_combination([&](Level level, const Attributes& wanted, u64 word) {
    ++count;
    EXPECT_EQ(Descriptor::leaf(level, Frame(PhysAddr(0)), wanted).raw(), word)
        << "L" << number_of(level) << std::hex << ", word " << word;
  });
  EXPECT_EQ(count, 768u) << "4 types, 6 flags, 3 levels";
}

TEST(Descriptor, EveryAttributeCombinationComesBack) {
  for_each_combination([&](Level level, const Attributes& wanted, u64 word) {
    const Descriptor leaf(word);
    ASSERT_EQ(leaf.kind(level), Kind::leaf) << std::hex << word;
    EXPECT_TRUE(leaf.attributes(level) == wanted) << std::hex << word;
    EXPECT_EQ(leaf.output().number(), 0u) << std::hex << word;
  });
}

TEST(Descriptor, TheOutputAddressFillsBits47To12) {
  struct Row {
    Level level;
    u64 pa, word;
  };
  const Row rows[] = {
      {Level::L3, 0x0000'0000'4008'0000, 0x0060'0000'4008'0703},
      {Level::L3, 0x0000'ffff'ffff'f000, 0x0060'ffff'ffff'f703},
      {Level::L3, 0x0000'8000'0000'0000, 0x0060'8000'0000'0703},
      {Level::L3, 0x0000'0000'0000'1000, 0x0060'0000'0000'1703},
      {Level::L2, 0x0000'0000'4020'0000, 0x0060'0000'4020'0701},
      {Level::L2, 0x0000'ffff'ffe0'0000, 0x0060'ffff'ffe0'0701},
      {Level::L1, 0x0000'0000'4000'0000, 0x0060'0000'4000'0701},
      {Level::L1, 0x0000'ffff'c000'0000, 0x0060'ffff'c000'0701},
  };
  for (const Row& row : rows) {
    const Descriptor leaf = Descriptor::leaf(row.level, Frame(PhysAddr(row.pa)), kKernelData);
    EXPECT_EQ(leaf.raw(), row.word);
    EXPECT_EQ(leaf.output().address().value(), row.pa);
  }
}

TEST(Descriptor, AnotherOutputLeavesAllOtherBits) {
  const Descriptor before(0x00f0'0000'4008'0f83);
  EXPECT_EQ(before.with_output(Frame(PhysAddr(0x8000'1234'5000))).raw(), 0x00f0'8000'1234'5f83u);
  EXPECT_THROW((void)before.with_output(Frame(PhysAddr(0x0001'0000'0000'0000))), std::logic_error);
}

TEST(Descriptor, TablesPointToTheNextLevelWithoutLimits) {
  EXPECT_EQ(Descriptor::table(Frame(PhysAddr(0x0000'ffff'ffff'f000))).raw(),
            0x0000'ffff'ffff'f003u);
  EXPECT_EQ(Descriptor(0x0000'0000'4321'0003).output().address().value(), 0x4321'0000u);
  // Limits and software's bits are not part of the address.
  EXPECT_EQ(Descriptor(0xfff8'0000'4321'0ffb).output().address().value(), 0x4321'0000u);
}

/// Bits 1:0 mean something else at each level (Arm ARM D8.3).
TEST(Descriptor, TheLevelDecidesWhatTheTypeBitsMean) {
  struct Row {
    u64 type;
    Kind kind[4];  // at L0 to L3
  };
  const Row rows[] = {
      {0b00, {Kind::invalid, Kind::invalid, Kind::invalid, Kind::invalid}},
      {0b01, {Kind::invalid, Kind::leaf, Kind::leaf, Kind::invalid}},
      {0b10, {Kind::invalid, Kind::invalid, Kind::invalid, Kind::invalid}},
      {0b11, {Kind::table, Kind::table, Kind::table, Kind::leaf}},
  };
  for (const Row& row : rows)
    for (const Level level : kLevels)
      for (const u64 rest : {u64{0}, u64{0x0040'0000'4000'0780}, u64{0xffff'ffff'ffff'fffc}})
        EXPECT_EQ(Descriptor(rest | row.type).kind(level), row.kind[number_of(level)])
            << std::hex << (rest | row.type) << " at L" << number_of(level);
}

TEST(Descriptor, TheDefaultOneIsInvalidAndZero) {
  EXPECT_EQ(Descriptor().raw(), 0u);
  for (const Level level : kLevels) EXPECT_EQ(Descriptor().kind(level), Kind::invalid);
}

TEST(Descriptor, RefusesLeavesThatTheFormatCannotHold) {
  const auto leaf = [](Level level, u64 pa) {
    return Descriptor::leaf(level, Frame(PhysAddr(pa)), kKernelData).raw();
  };
  EXPECT_THROW(leaf(Level::L0, 0), std::logic_error);
  EXPECT_THROW(leaf(Level::L2, 0x4000'1000), std::logic_error) << "not aligned to 2 MiB";
  EXPECT_THROW(leaf(Level::L1, 0x4020'0000), std::logic_error) << "not aligned to 1 GiB";
  EXPECT_THROW(leaf(Level::L3, 0x0001'0000'0000'0000), std::logic_error) << "49 bits";
  EXPECT_THROW(Descriptor::table(Frame(PhysAddr(0x0010'0000'0000'0000))), std::logic_error);
  EXPECT_THROW((void)Descriptor(0).attributes(Level::L3), std::logic_error) << "not a leaf";
  EXPECT_THROW((void)Descriptor(3).attributes(Level::L2), std::logic_error) << "a table";
}

/// AP[2:1], PXN and UXN from the manual's table of data access permissions, all sixteen.
TEST(Descriptor, RightsAreThoseOfTheManualsTable) {
  struct Row {
    u64 bits;
    const char *el1, *el0;
  };
  constexpr u64 kPxn = 0x0020'0000'0000'0000, kUxn = 0x0040'0000'0000'0000;
  const Row rows[] = {
      {0x000, "rwx", "--x"},        {0x000 | kPxn, "rw-", "--x"},
      {0x000 | kUxn, "rwx", "---"}, {0x000 | kPxn | kUxn, "rw-", "---"},
      {0x040, "rw-", "rwx"},        {0x040 | kPxn, "rw-", "rwx"},
      {0x040 | kUxn, "rw-", "rw-"}, {0x040 | kPxn | kUxn, "rw-", "rw-"},
      {0x080, "r-x", "--x"},        {0x080 | kPxn, "r--", "--x"},
      {0x080 | kUxn, "r-x", "---"}, {0x080 | kPxn | kUxn, "r--", "---"},
      {0x0c0, "r-x", "r-x"},        {0x0c0 | kPxn, "r--", "r-x"},
      {0x0c0 | kUxn, "r-x", "r--"}, {0x0c0 | kPxn | kUxn, "r--", "r--"},
  };
  const auto text = [](const Rights& r) {
    return std::string{r.read ? 'r' : '-', r.write ? 'w' : '-', r.execute ? 'x' : '-'};
  };
  for (const Row& row : rows) {
    const Descriptor leaf(0x703 | row.bits);
    EXPECT_EQ(text(leaf.el1_rights()), row.el1) << std::hex << row.bits;
    EXPECT_EQ(text(leaf.el0_rights()), row.el0) << std::hex << row.bits;
  }
}

/// What this kernel asks for is never more than it says: the kernel executes no user page, EL0
/// reaches no kernel page in any way.
TEST(Descriptor, EachSideKeepsToItsOwnPages) {
  for_each_combination([&](Level level, const Attributes& a, u64) {
    const Descriptor leaf = Descriptor::leaf(level, Frame(PhysAddr(0)), a);
    if (a.user) {
      EXPECT_FALSE(leaf.el1_rights().execute);
      EXPECT_EQ(leaf.el0_rights(), (Rights{true, a.write, a.execute}));
    } else {
      EXPECT_EQ(leaf.el0_rights(), (Rights{false, false, false}));
      EXPECT_EQ(leaf.el1_rights(), (Rights{true, a.write, a.execute}));
    }
  });
}

TEST(DescriptorProblems, WhatTheKernelMapsHasNone) {
  for (const Attributes& a : {kKernelText, kKernelRodata, kKernelData, kDeviceRegisters}) {
    for (const Level level : kLeafLevels)
      EXPECT_TRUE(Descriptor::leaf(level, Frame(PhysAddr(1_GiB)), a)
                      .problems(level, Half::high)
                      .is_empty());
  }
  for (const Attributes& a : {kUserText, kUserRodata, kUserData}) {
    for (const Level level : kLeafLevels)
      EXPECT_TRUE(
          Descriptor::leaf(level, Frame(PhysAddr(1_GiB)), a).problems(level, Half::low).is_empty());
  }
  EXPECT_TRUE(
      Descriptor::table(Frame(PhysAddr(0x4321'0000))).problems(Level::L0, Half::high).is_empty());
}

/// One word for each problem, with that problem and no other.
TEST(DescriptorProblems, EachIsNamed) {
  struct Row {
    Problem problem;
    Level level;
    Half half;
    u64 word;
  };
  const Row rows[] = {
      {Problem::reserved_type, Level::L3, Half::high, 0x0060'0000'4000'0701},  // a block
      {Problem::reserved_type, Level::L0, Half::high, 0x0060'0000'4000'0701},
      {Problem::reserved_bits, Level::L3, Half::high, 0x0061'0000'4000'0703},  // bit 48
      {Problem::reserved_bits, Level::L3, Half::high, 0x0062'0000'4000'0703},  // bit 49
      {Problem::reserved_bits, Level::L3, Half::high, 0x0060'0000'4000'0723},  // NS
      {Problem::reserved_bits, Level::L1, Half::high, 0x0004'0000'4321'0003},  // bit 50 of a table
      {Problem::misaligned_output, Level::L2, Half::high, 0x0060'0000'4010'0701},
      {Problem::misaligned_output, Level::L2, Half::high, 0x0060'0000'4000'1701},
      {Problem::misaligned_output, Level::L2, Half::high, 0x0060'0000'4001'0701},  // nT
      {Problem::misaligned_output, Level::L1, Half::high, 0x0060'0000'4020'0701},
      {Problem::reserved_shareability, Level::L3, Half::high, 0x0060'0000'4000'0503},
      {Problem::unknown_memory_type, Level::L3, Half::high, 0x0060'0000'4000'0713},  // slot 4
      {Problem::unknown_memory_type, Level::L3, Half::high, 0x0060'0000'4000'071f},  // slot 7
      {Problem::write_and_execute, Level::L3, Half::high, 0x0040'0000'4000'0703},
      {Problem::write_and_execute, Level::L3, Half::low, 0x0020'0000'4000'0f43},  // at EL0
      {Problem::executable_device, Level::L3, Half::high, 0x0040'0000'0900'068b},
      {Problem::kernel_executes_user, Level::L3, Half::low, 0x0040'0000'4000'0fc3},
      {Problem::user_executes_kernel, Level::L3, Half::high, 0x0020'0000'4000'0783},
      {Problem::user_page_in_high_half, Level::L3, Half::high, 0x0060'0000'4000'0fc3},
      {Problem::global_in_low_half, Level::L3, Half::low, 0x0060'0000'4000'07c3},
  };
  for (const Row& row : rows) {
    const Problems found = Descriptor(row.word).problems(row.level, row.half);
    TextWriter text;
    print(text, "{}", found);
    EXPECT_TRUE(found.is_just(row.problem)) << std::hex << row.word << ": " << text.text;
    EXPECT_EQ(text.text, name_of(row.problem));
  }
}

TEST(DescriptorProblems, SeveralAreListed) {
  TextWriter text;
  print(text, "{}", Descriptor(0x0000'0000'4000'0703).problems(Level::L3, Half::low));
  EXPECT_EQ(text.text,
            "writable and executable; kernel page executable at EL0; global page in the user half");
}

TEST(DescriptorProblems, AnInvalidDescriptorsBitsAreSoftwares) {
  for (const Level level : kLevels)
    EXPECT_TRUE(Descriptor(0xffff'ffff'ffff'fffe).problems(level, Half::low).is_empty());
}

TEST(Descriptor, DescribesItselfInWords) {
  struct Row {
    u64 word;
    Level level;
    const char* words;
  };
  const Row rows[] = {
      {0, Level::L2, "invalid"},
      {0x0060'0000'4000'0701, Level::L3, "invalid (reserved type)"},
      {0x0000'0000'4321'0003, Level::L0, "table 0x0000000043210000"},
      {0xf800'0000'4321'0003, Level::L1,
       "table 0x0000000043210000, nothing below for EL0, nothing below writable, nothing below "
       "executable at EL1, nothing below executable at EL0, NSTable"},
      {0x0040'0000'4008'0783, Level::L3,
       "page 0x0000000040080000, EL1 r-x, EL0 ---, normal, inner shareable, global"},
      {0x0070'0000'4020'0701, Level::L2,
       "2M block 0x0000000040200000, EL1 rw-, EL0 ---, normal, inner shareable, global, "
       "contiguous"},
      {0x0060'0000'0900'060b, Level::L3,
       "page 0x0000000009000000, EL1 rw-, EL0 ---, device nGnRE, outer shareable, global"},
      {0x002c'0000'4123'4bc3, Level::L3,
       "page 0x0000000041234000, EL1 r--, EL0 r-x, normal, inner shareable, tagged with the ASID, "
       "not accessed yet, DBM, guarded"},
      {0x0060'0000'4000'0507, Level::L1, "table 0x0000000040000000"},
      {0x0060'0000'4000'0505, Level::L1,
       "1G block 0x0000000040000000, EL1 rw-, EL0 ---, normal uncached, SH reserved, global"},
  };
  for (const Row& row : rows) {
    TextWriter text;
    Descriptor(row.word).describe(text, row.level);
    EXPECT_EQ(text.text, row.words);
  }
}

/// Any 64 bits at all: no question about them fails, and what is a leaf survives the round trip
/// through its attributes as far as these say.
TEST(Descriptor, AnyWordCanBeAsked) {
  std::mt19937_64 random(test_seed());
  for (int i = 0; i < 20'000; ++i) {
    const Descriptor word(random());
    for (const Level level : kLevels) {
      TextWriter text;
      word.describe(text, level);
      EXPECT_FALSE(text.text.empty());
      const bool valid = (word.raw() & 1) != 0;
      const bool table = (word.raw() & 2) != 0;
      const Problems problems = word.problems(level, half_of(VirtAddr(random())));
      if (!valid) {
        EXPECT_EQ(word.kind(level), Kind::invalid);
        EXPECT_TRUE(problems.is_empty());
      } else if (word.kind(level) == Kind::invalid) {
        EXPECT_FALSE(table);
        EXPECT_TRUE(problems.is_just(Problem::reserved_type));
      }
      if (word.kind(level) != Kind::leaf || level != Level::L3) continue;
      const Attributes a = word.attributes(level);
      EXPECT_TRUE(Descriptor::leaf(level, word.output(), a).attributes(level) == a);
    }
  }
}

}  // namespace
}  // namespace meridian::arch
