// SPDX-License-Identifier: MIT
/// cpu/memory.S, against loops over bytes. (With the MMU off the same code takes its byte-wise
/// paths; boot itself runs through those.)
#include <arch/memory.h>

#include <cstring>

#include "mm/page_size.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

constexpr usize kArena = 3 * kPageSize;
// What a function may touch, what it must have made of it, and where it reads from.
alignas(kPageSize) u8 actual[kArena], expected[kArena], source[kArena];

/// How much of the arena a test looks at: enough around what a function of `size` bytes may touch.
usize extent = kArena;
void look_around(usize size) { extent = size + 256; }

/// Another byte for every place and round, never 0. Volatile, or the compiler would call the
/// functions under test to write and compare.
u8 pattern(usize i, usize round) { return static_cast<u8>((i * 7 + round * 13) % 255 + 1); }
void prepare(usize round) {
  volatile u8 *a = actual, *e = expected, *s = source;
  for (usize i = 0; i < extent; ++i) {
    const u8 byte = pattern(i, round);
    a[i] = byte;
    e[i] = byte;
    s[i] = pattern(i, round + 1);
  }
}
bool as_expected() {
  const volatile u8 *a = actual, *e = expected;
  for (usize i = 0; i < extent; ++i)
    if (a[i] != e[i]) return false;
  return true;
}
void expect_copied(usize to, usize from, usize bytes) {
  volatile u8 *e = expected, *s = source;
  for (usize i = 0; i < bytes; ++i) e[to + i] = s[from + i];
}
void expect_set(usize at, u8 byte, usize bytes) {
  volatile u8* e = expected;
  for (usize i = 0; i < bytes; ++i) e[at + i] = byte;
}

// Around each power of two that the code looks at, and the blocks of DC ZVA.
constexpr usize kSizes[] = {0,  1,  2,  3,   7,   8,   9,   15,  16,  17,   31,   32,   33,
                            63, 64, 65, 127, 128, 129, 255, 256, 257, 1023, 1024, 4096, 4097};

KERNEL_TEST(memory_functions, MemcpyCopiesEverySizeAtEveryAlignment) {
  for (const usize size : kSizes) {
    look_around(size);
    for (const usize to : {0, 1, 4, 7, 8}) {
      for (const usize from : {0, 1, 2, 8}) {
        prepare(size);
        expect_copied(to, from, size);
        EXPECT_TRUE(std::memcpy(actual + to, source + from, size) == actual + to);
        ASSERT_TRUE(as_expected());
      }
    }
  }
}

KERNEL_TEST(memory_functions, MemmoveKeepsWhatOverlaps) {
  for (const usize size : kSizes) {
    look_around(size);
    for (const usize to : {0, 1, 8, 63, 64, 100}) {
      for (const usize from : {0, 3, 8, 64}) {
        prepare(size);
        for (usize i = 0; i < extent; ++i) source[i] = actual[i];
        expect_copied(to, from, size);
        EXPECT_TRUE(std::memmove(actual + to, actual + from, size) == actual + to);
        ASSERT_TRUE(as_expected());
      }
    }
  }
}

KERNEL_TEST(memory_functions, MemsetFillsAndZeroesAndNothingBeside) {
  for (const usize size : kSizes) {
    look_around(size);
    for (const usize at : {0, 1, 8, 17, 64, 100}) {
      for (const u8 byte : {u8{0}, u8{0xa5}}) {
        prepare(size);
        expect_set(at, byte, size);
        EXPECT_TRUE(std::memset(actual + at, byte, size) == actual + at);
        ASSERT_TRUE(as_expected());
      }
    }
  }
}

KERNEL_TEST(memory_functions, ClearPageZeroesOnePage) {
  extent = kArena;
  prepare(1);
  expect_set(kPageSize, 0, kPageSize);
  arch::clear_page(actual + kPageSize);
  EXPECT_TRUE(as_expected());
}

KERNEL_TEST(memory_functions, CopyPageCopiesOnePage) {
  extent = kArena;
  prepare(1);
  expect_copied(kPageSize, 2 * kPageSize, kPageSize);
  arch::copy_page(actual + kPageSize, source + 2 * kPageSize);
  EXPECT_TRUE(as_expected());
}

/// The first byte that differs decides, as an unsigned number, wherever it lies.
KERNEL_TEST(memory_functions, MemcmpOrdersByTheFirstDifference) {
  for (const usize size : {1, 7, 8, 9, 16, 40}) {
    look_around(size);
    for (usize at = 0; at < size; ++at) {
      for (const usize start : {0, 1, 8}) {
        prepare(0);
        volatile u8 *a = actual, *e = expected;
        a[start + at] = 0x80;
        e[start + at] = 0x7f;
        a[start + at + 1] = 0x01;  // a later difference, the other way round
        e[start + at + 1] = 0xff;
        EXPECT_TRUE(std::memcmp(actual + start, expected + start, size) > 0);
        EXPECT_TRUE(std::memcmp(expected + start, actual + start, size) < 0);
        EXPECT_EQ(std::memcmp(actual + start, expected + start, at), 0);
      }
    }
  }
}

KERNEL_TEST(memory_functions, StrlenAndMemchrFindTheByte) {
  look_around(64);
  for (usize start = 0; start < 9; ++start) {
    for (usize length = 0; length < 40; ++length) {
      prepare(length);  // no byte is 0
      volatile u8* a = actual;
      a[start + length] = 0;
      EXPECT_EQ(std::strlen(reinterpret_cast<const char*>(actual) + start), length);
      EXPECT_TRUE(std::memchr(actual + start, 0, extent - start) == actual + start + length);
      EXPECT_TRUE(std::memchr(actual + start, 0, length) == nullptr);
    }
  }
}

}  // namespace
}  // namespace meridian
