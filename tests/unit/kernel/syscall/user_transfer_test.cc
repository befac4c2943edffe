// SPDX-License-Identifier: MIT
/// A program's memory as source and sink: pieces anywhere, and what becomes of a page that is
/// missing.
#include "kernel/syscall/user_transfer.h"

#include <arch/user_access.h>
#include <gtest/gtest.h>

#include <string>

namespace meridian {
namespace {

/// The program has 64 bytes from 0x1000 on, and no more.
constexpr u64 kStart = 0x1000;
std::array<std::byte, 64> memory;

class UserTransferTest : public testing::Test {
 protected:
  UserTransferTest() {
    for (usize i = 0; i < memory.size(); ++i) memory[i] = static_cast<std::byte>('a' + i % 26);
    arch::fake_el0_byte = [](u64 va, bool) {
      return va - kStart < memory.size() ? &memory[va - kStart] : nullptr;
    };
  }
  ~UserTransferTest() override { arch::fake_el0_byte = nullptr; }

  static std::string take(ByteSource& from, usize most) {
    std::string text(most, '?');
    text.resize(from.take(std::as_writable_bytes(std::span(text.data(), text.size()))));
    return text;
  }
};

TEST_F(UserTransferTest, TakesThePiecesOneBehindTheOther) {
  const IoVector pieces[] = {{kStart + 2, 3}, {0, 0}, {kStart, 1}, {kStart + 10, 2}};
  UserSource from(pieces, 6);
  EXPECT_EQ(take(from, 2), "cd");
  EXPECT_EQ(from.left(), 4u);
  EXPECT_EQ(take(from, 3), "eak");
  EXPECT_EQ(take(from, 9), "l");
  EXPECT_EQ(take(from, 9), "");
  EXPECT_FALSE(from.has_failed());
  EXPECT_EQ(from.result().value(), 6u);
}

TEST_F(UserTransferTest, SkipsWhatNobodyWants) {
  const IoVector pieces[] = {{kStart, 3}, {0xdead'0000, 5}, {kStart + 3, 3}};
  UserSource from(pieces, 11);
  from.drop(9);
  EXPECT_EQ(take(from, 9), "ef");
  EXPECT_EQ(from.done(), 11u);
  EXPECT_FALSE(from.has_failed());
}

TEST_F(UserTransferTest, UpToAFaultAllBytesCount) {
  const IoVector pieces[] = {{kStart + 60, 10}};
  UserSource from(pieces, 10);
  EXPECT_EQ(take(from, 10), "ijkl");
  EXPECT_TRUE(from.has_failed());
  EXPECT_EQ(from.result().value(), 4u);

  const IoVector nowhere[] = {{kStart + 64, 1}};
  UserSource none(nowhere, 1);
  EXPECT_EQ(take(none, 1), "");
  EXPECT_EQ(none.result().error().code, Errc::fault);
}

TEST_F(UserTransferTest, PutsIntoThePiecesAndNoFurther) {
  const IoVector pieces[] = {{kStart + 1, 2}, {kStart + 5, 2}};
  UserSink to(pieces, 4);
  EXPECT_EQ(to.put(std::as_bytes(std::span("ABCDEF", 6))), 4u);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(memory.data()), 8), "aABdeCDh");
  EXPECT_EQ(to.left(), 0u);
  EXPECT_FALSE(to.has_failed());
}

TEST_F(UserTransferTest, ZerosGoAsFarAsTheyMay) {
  const IoVector pieces[] = {{kStart + 62, 1000}};
  UserSink to(pieces, 1000);
  EXPECT_EQ(to.put_zeros(1000), 2u);
  EXPECT_EQ(memory[61], std::byte{'j'});
  EXPECT_EQ(memory[63], std::byte{0});
  EXPECT_TRUE(to.has_failed());
}

}  // namespace
}  // namespace meridian
