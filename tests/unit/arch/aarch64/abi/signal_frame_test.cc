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
