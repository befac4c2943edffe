// SPDX-License-Identifier: MIT
/// Copies to and from programs: which addresses are refused unseen, and where a copy says that it
/// stopped.
#include "mm/user/user_copy.h"

#include <gtest/gtest.h>

#include <random>

#include "el0_oracle.h"
#include "fake_ram.h"
#include "mm/user/address_space.h"
#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

constexpr u64 kEnd = u64{1} << 48;

/// A readable and writable page at 0x10000, a read-only one behind it, and then nothing.
class UserCopyTest : public testing::Test {
 protected:
  static constexpr u64 kData = 0x1'0000, kRodata = 0x1'1000, kHole = 0x1'2000;

  UserCopyTest()
      : ram(std::initializer_list<PhysRange>{{PhysAddr(0x4000'0000), 64_MiB}}),
        space(AddressSpace::create().take()),
        active(space) {
    EXPECT_TRUE(space.map_new({UserAddr(kData), kPageSize}, kUserData));
    EXPECT_TRUE(space.map_new({UserAddr(kRodata), kPageSize}, kUserRodata));
    arch::fake_el0_byte = el0_byte;
  }
  ~UserCopyTest() override { arch::fake_el0_byte = nullptr; }

  Result<void> read(u64 from, usize size) {
    std::vector<std::byte> to(size);
    return copy_from_user(to, UserAddr(from));
  }
  Result<void> write(u64 to, usize size) {
    const std::vector<std::byte> from(size);
    return copy_to_user(UserAddr(to), from);
  }

  FakeMachine ram;
  AddressSpace space;
  ActiveSpace active;
};

TEST_F(UserCopyTest, CopiesThereAndBack) {
  const u64 values[] = {1, 2, 3};
  ASSERT_TRUE(copy_to_user(UserAddr(kData + 5), std::as_bytes(std::span(values))));
  EXPECT_EQ(read_user<u64>(UserAddr(kData + 13)).value(), 2u);
  ASSERT_TRUE(write_user(UserAddr(kData + 13), u64{9}));
  u64 back[3];
  ASSERT_TRUE(copy_from_user(std::as_writable_bytes(std::span(back)), UserAddr(kData + 5)));
  EXPECT_EQ(back[0], 1u);
  EXPECT_EQ(back[1], 9u);
  EXPECT_EQ(back[2], 3u);
}

TEST_F(UserCopyTest, NamesTheFirstByteThatCouldNotBeReached) {
  EXPECT_TRUE(read(kHole - 100, 100));
  EXPECT_EQ(read(kHole - 100, 101).error(), (Error{Errc::fault, kHole}));
  EXPECT_EQ(read(kHole + 50, 1).error(), (Error{Errc::fault, kHole + 50}));
  EXPECT_EQ(read(kData - 1, 10).error(), (Error{Errc::fault, kData - 1}));
  EXPECT_TRUE(write(kRodata - 100, 100));
  EXPECT_EQ(write(kRodata - 100, 300).error(), (Error{Errc::fault, kRodata})) << "read-only";
  EXPECT_TRUE(read(kRodata - 100, 300));
}

TEST_F(UserCopyTest, CopiesNothingFromAnywhere) {
  EXPECT_TRUE(read(kHole, 0));
  EXPECT_TRUE(read(kEnd, 0));
  EXPECT_EQ(read(kEnd + 1, 0).error().code, Errc::fault);
  EXPECT_EQ(write(0xffff'8000'0000'0000, 0).error().code, Errc::fault);
}

/// What lies outside the user half is refused before a single byte is touched.
TEST_F(UserCopyTest, RefusesEveryRangeThatIsNotWhollyInTheUserHalf) {
  arch::fake_el0_byte = [](u64 va, bool) -> std::byte* {
    ADD_FAILURE() << "touched " << va;
    return nullptr;
  };
  const u64 starts[] = {kEnd - 1,
                        kEnd,
                        kEnd + 1,
                        0x0001'0000'0000'0000 | kData,
                        0x0100'0000'0000'0000 | kData,  // tags
                        0x7f00'0000'0000'0000 | kData,
                        0x8000'0000'0000'0000 | kData,
                        0xff00'0000'0000'0000 | kData,
                        0x0080'0000'0000'0000 | kData,
                        0xffff'0000'0000'0000,
                        0xffff'8000'0800'0000,
                        ~u64{0} - 1,
                        ~u64{0}};
  for (const u64 start : starts) {
    for (const usize size : {2, 8, 4096}) {
      EXPECT_EQ(read(start, size).error(), (Error{Errc::fault, start}));
      EXPECT_EQ(write(start, size).error(), (Error{Errc::fault, start}));
      count_bad_input("user pointer"), count_bad_input("user pointer");
    }
  }
  for (const u64 size : {~u64{0}, ~u64{0} - kData, ~u64{0} - kData + 1, kEnd - kData + 1, kEnd}) {
    EXPECT_EQ(check_user_range({UserAddr(kData), size}).error(), (Error{Errc::fault, kData}));
    count_bad_input("user pointer");
  }
  EXPECT_TRUE(check_user_range({UserAddr(0), kEnd}));
  EXPECT_TRUE(check_user_range({UserAddr(kData), kEnd - kData}));
}

TEST_F(UserCopyTest, AgreesWithAHundredTwentyEightBitJudgeOnRandomRanges) {
  std::mt19937_64 random(test_seed() + 22);
  for (int i = 0; i < 5000; ++i) {
    const u64 start = random() >> random() % 64, size = random() >> random() % 64;
    const bool inside = u128{start} + size <= kEnd;
    EXPECT_EQ(check_user_range({UserAddr(start), size}).has_value(), inside)
        << start << ' ' << size;
    if (!inside) count_bad_input("user pointer");
  }
}

}  // namespace
}  // namespace meridian
