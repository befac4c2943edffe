// SPDX-License-Identifier: MIT
#include "kernel/fs/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

namespace meridian {
namespace {

/// RFC 8439, 2.3.2.
TEST(Random, TheBlockIsTheStandards) {
  const std::array<u32, 8> key{0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
                               0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c};
  const std::array<u32, 16> block = chacha20_block(key, 1, {0x09000000, 0x4a000000, 0x00000000});
  const std::array<u32, 16> expected{0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
                                     0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
                                     0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
                                     0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
  EXPECT_EQ(block, expected);
}

TEST(Random, SeedsMakeADifference) {
  RandomBytes one, two;
  two.add(1);
  std::byte a[100], b[100];
  one.fill(a), two.fill(b);
  EXPECT_NE(std::memcmp(a, b, 100), 0);
}

std::vector<u8> fill(RandomBytes& from, usize size) {
  std::vector<u8> bytes(size);
  from.fill(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

/// RFC 8439, A.1: vectors 1 and 2, of the key 0 that a fresh one has. The first half of block 0 is
/// never shown: it is the next key.
TEST(Random, AKeyIsNeverShown) {
  const std::vector<u8> end_of_block_0{0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d,
                                       0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37,
                                       0x6a, 0x43, 0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c,
                                       0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86};
  const std::vector<u8> start_of_block_1{0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a};
  std::vector<u8> expected = end_of_block_0;
  expected.insert(expected.end(), start_of_block_1.begin(), start_of_block_1.end());
  RandomBytes fresh;
  EXPECT_EQ(fill(fresh, 40), expected);
  RandomBytes other;
  EXPECT_EQ(fill(other, 32), end_of_block_0);
}

TEST(Random, NothingComesTwice) {
  RandomBytes random;
  EXPECT_NE(fill(random, 100), fill(random, 100));
}

}  // namespace
}  // namespace meridian
