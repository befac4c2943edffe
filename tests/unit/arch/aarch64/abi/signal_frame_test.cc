// SPDX-License-Identifier: MIT
/// The signal frame: where things lie, and which frames sigreturn refuses. (The layouts that
/// compile were worked out from the offsets that a C compiler gives for ucontext_t on arm64.)
#include "arch/aarch64/abi/signal_frame.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "seed.h"
#include "tally.h"

namespace meridian::arch {
namespace {

TEST(SignalFrame, HasLinuxsOffsets) {
  EXPECT_EQ(offsetof(SignalFrameHead, flags), 128u);
  EXPECT_EQ(offsetof(SignalFrameHead, stack), 144u);
  EXPECT_EQ(offsetof(SignalFrameHead, registers.x), 128u + 176 + 8);
  EXPECT_EQ(offsetof(SignalFrameHead, registers.sp), 128u + 176 + 256);
  EXPECT_EQ(offsetof(SignalFrameHead, registers.pc), 128u + 176 + 264);
  EXPECT_EQ(offsetof(SignalFrameHead, registers.pstate), 128u + 176 + 272);
  EXPECT_EQ(offsetof(FpsimdHead, fpsr), 8u);
  EXPECT_EQ(sizeof(FpsimdHead), 16u) << "and the registers behind it";
}

TEST(SignalFrame, PstateIsEl0sOrRefused) {
  EXPECT_EQ(checked_pstate(0x8000'0000).value(), 0x8000'0000u);
  EXPECT_EQ(checked_pstate(0xf000'0c00).value(), 0xf000'0000u) << "BTYPE is not restored";
  EXPECT_EQ(checked_pstate(0x0020'0000).value(), 0u) << "nor is single-step";
  for (const u64 bad : {u64{0x5}, u64{0x4}, u64{0x10}, u64{0x80}, u64{0x3c0}, u64{0x1f}}) {
    count_bad_input("sigreturn: pstate");
    EXPECT_EQ(checked_pstate(bad).error(), (Error{Errc::bad_format, bad}));
  }
}

TEST(SignalFrame, LiesBelowTheStackAligned) {
  EXPECT_EQ(place_signal_frame(0x10000).value(), 0x10000u - 4704);
  EXPECT_EQ(place_signal_frame(0x1000f).value(), 0x10000u - 4704);
  EXPECT_EQ(place_signal_frame(4704).value(), 0u);
  EXPECT_EQ(place_signal_frame(4703).error().code, Errc::fault);
  EXPECT_EQ(place_signal_frame(0).error().code, Errc::fault);
}

TEST(SignalFrame, AHandlerIsCalledWithWhatLinuxGivesIt) {
  UserRegisters registers{.x = {}, .sp = 0x9000, .pc = 0x400000, .pstate = 0x8200'0c00};
  registers.x.fill(77);
  call_handler(registers,
               {.signal = 11, .handler = 0x1234, .frame = 0x5000, .return_to = 0x7000});
  EXPECT_EQ(registers.x[0], 11u);
  EXPECT_EQ(registers.x[1], 0x5000u) << "siginfo";
  EXPECT_EQ(registers.x[2], 0x5080u) << "ucontext";
  EXPECT_EQ(registers.x[3], 77u);
  EXPECT_EQ(registers.x[29], 0x5000u + 4688);
  EXPECT_EQ(registers.x[30], 0x7000u);
  EXPECT_EQ(registers.sp, 0x5000u);
  EXPECT_EQ(registers.pc, 0x1234u);
  EXPECT_EQ(registers.pstate, 0x8000'0000u) << "the flags stay; TCO and BTYPE do not";
}

/// 0x9200004f: a write, permission fault at level 3. 0x8200000f: a fetch.
TEST(SignalFrame, TellsNothingOfTheKernelsHalf) {
  EXPECT_EQ(told_syndrome(0x9200'004f, true), 0x9200'004fu);
  EXPECT_EQ(told_syndrome(0x9200'004f, false), 0x9200'0044u);
  EXPECT_EQ(told_syndrome(0x9200'000f, false), 0x9200'0004u);
  EXPECT_EQ(told_syndrome(0x8200'000f, false), 0x8200'0004u);
  EXPECT_EQ(told_syndrome(0x8a00'0000, false), 0x8a00'0000u) << "PC alignment: no address";
}

// The stack for handlers.

constexpr SignalStack kStack{.start = 0x10000, .flags = 0, .size = 0x4000};

TEST(SignalStack, IsWhereTheStackPointerIsOnIt) {
  EXPECT_FALSE(kStack.has(0x10000)) << "full: nothing is on it";
  EXPECT_TRUE(kStack.has(0x10001));
  EXPECT_TRUE(kStack.has(0x14000)) << "empty, but in use";
  EXPECT_FALSE(kStack.has(0x14001));
  EXPECT_FALSE(SignalStack().has(0));
  EXPECT_EQ(kStack.told_to(0x12000).flags, 1u);
  EXPECT_EQ(kStack.told_to(0x20000).flags, 0u);
  EXPECT_EQ(SignalStack().told_to(0x12000).flags, 2u);
}

TEST(SignalStack, TakesHandlersThatWantItAndAreNotOnIt) {
  EXPECT_EQ(kStack.top_for_handler(true, 0x20000), 0x14000u);
  EXPECT_EQ(kStack.top_for_handler(true, 0x12000), 0x12000u);
  EXPECT_EQ(kStack.top_for_handler(false, 0x20000), 0x20000u);
  EXPECT_EQ(SignalStack().top_for_handler(true, 0x20000), 0x20000u);
}

TEST(SignalStack, ChangesByTheRulesOfSigaltstack) {
  const SignalStack fresh{.start = 0x50000, .flags = 0, .size = 5120};
  EXPECT_EQ(kStack.changed_to(fresh, 0x20000).value().start, 0x50000u);
  EXPECT_EQ(kStack.changed_to(fresh, 0x12000).error().code, Errc::not_permitted);
  EXPECT_EQ(kStack.changed_to({.start = 0, .flags = 0, .size = 5119}, 0).error().code,
            Errc::over_limit);
  EXPECT_EQ(kStack.changed_to({.start = 0, .flags = 4, .size = 9000}, 0).error().code,
            Errc::invalid_argument);
  EXPECT_EQ(kStack.changed_to({.start = 0, .flags = 1, .size = 9000}, 0).value().size, 9000u);
  const SignalStack gone =
      kStack.changed_to({.start = 7, .flags = SignalStack::kDisable, .size = 9}, 0).value();
  EXPECT_FALSE(gone.is_usable());
  EXPECT_EQ(gone.start, 0u);
  const SignalStack disarming{.start = 0x50000, .flags = SignalStack::kAutoDisarm, .size = 9000};
  EXPECT_FALSE(kStack.changed_to(disarming, 0).value().has(0x50100)) << "nobody is ever on it";
}

/// Records in memory, by their headers.
class Records {
 public:
  Records() : bytes_(kSignalRecordsSize, 0) {}

  Records& add(u32 magic, u32 size) {
    const SignalRecordHeader header{magic, size};
    std::memcpy(bytes_.data() + end_, &header, sizeof header);
    end_ += size < 8 ? 8 : size;
    return *this;
  }
  Result<u64> find() const {
    return find_fpsimd_record([&](u64 at) -> Result<SignalRecordHeader> {
      EXPECT_LE(at + sizeof(SignalRecordHeader), bytes_.size());
      SignalRecordHeader header;
      std::memcpy(&header, bytes_.data() + at, sizeof header);
      return header;
    });
  }
  std::vector<u8>& bytes() { return bytes_; }

 private:
  std::vector<u8> bytes_;
  usize end_ = 0;
};

TEST(SignalRecords, TheFpRecordIsFoundInEitherOrder) {
  EXPECT_EQ(Records().add(0x4650'8001, 528).add(0, 0).find().value(), 0u);
  EXPECT_EQ(Records().add(0x4650'8001, 528).add(0x4553'5201, 16).add(0, 0).find().value(), 0u);
  EXPECT_EQ(Records().add(0x4553'5201, 16).add(0x4650'8001, 528).add(0, 0).find().value(), 16u);
}

TEST(SignalRecords, ForgedOnesAreRefused) {
  const auto refused = [](const Records& records) {
    count_bad_input("sigreturn: records");
    return records.find().error().code == Errc::bad_format;
  };
  EXPECT_TRUE(refused(Records())) << "none at all";
  EXPECT_TRUE(refused(Records().add(0x4553'5201, 16))) << "no FP record";
  EXPECT_TRUE(refused(Records().add(0x4650'8001, 528).add(0x4650'8001, 528))) << "two";
  EXPECT_TRUE(refused(Records().add(0x4650'8001, 512)));
  EXPECT_TRUE(refused(Records().add(0x4650'8001, 528).add(0x1234'5678, 16))) << "unknown";
  EXPECT_TRUE(refused(Records().add(0x4650'8001, 528).add(0x4553'5201, 32)));
  EXPECT_TRUE(refused(Records().add(0x4650'8001, 528).add(0x4553'5201, 0))) << "no progress";
  EXPECT_TRUE(refused(Records().add(0x4650'8001, 528).add(0, 16))) << "a terminator with a size";
  EXPECT_TRUE(refused(Records().add(0x4553'5201, 0xffff'fff0)));
  Records full;
  for (u64 at = 0; at < kSignalRecordsSize; at += 16) full.add(0x4553'5201, 16);
  EXPECT_TRUE(refused(full)) << "no terminator";
}

/// Whatever the bytes: an answer, and no read outside.
TEST(SignalRecords, RandomBytesDoNoHarm) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 5'000; ++round) {
    Records records;
    records.add(0x4650'8001, 528);
    for (usize at = 528; at < 700; at += 16) records.add(random() % 2 == 0 ? 0x4553'5201 : 0, 16);
    for (int i = 0; i < 3; ++i) records.bytes()[random() % 720] = static_cast<u8>(random());
    count_bad_input("sigreturn: records");
    const Result<u64> found = records.find();
    if (found.has_value()) {
      EXPECT_EQ(found.value() % 16, 0u);
    }
  }
}

TEST(SignalRecords, AReadThatFailsIsPassedOn) {
  const auto fail = [](u64) -> Result<SignalRecordHeader> { return Error{Errc::fault, 7}; };
  EXPECT_EQ(find_fpsimd_record(fail).error(), (Error{Errc::fault, 7}));
}

}  // namespace
}  // namespace meridian::arch
