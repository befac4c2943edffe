// SPDX-License-Identifier: MIT
/// Addresses, frames, pages and ranges, above all at the two ends of the address space.
#include "mm/address.h"

#include <gtest/gtest.h>

#include "kernel/lib/format.h"
#include "mm/frame.h"
#include "mm/range.h"

namespace meridian {
namespace {

// Addresses of different kinds do not mix, and none comes from an integer by itself.
static_assert(!std::is_convertible_v<u64, VirtAddr> && !std::is_convertible_v<VirtAddr, u64>);
static_assert(!std::is_convertible_v<PhysAddr, VirtAddr> &&
              !std::is_convertible_v<UserAddr, VirtAddr>);
static_assert(!std::is_constructible_v<VirtAddr, PhysAddr> &&
              !std::is_constructible_v<Frame, VirtAddr>);
template <typename A, typename B>
concept Subtractable = requires(A a, B b) {
  a - b;
};
static_assert(Subtractable<VirtAddr, VirtAddr> && !Subtractable<VirtAddr, PhysAddr>);
static_assert(std::is_same_v<decltype(VirtAddr() - VirtAddr()), u64>, "a difference is a size");
static_assert(sizeof(VirtAddr) == 8 && sizeof(Frame) == 8);

constexpr u64 kTop = ~u64{0};

TEST(Address, MovesAndCompares) {
  const VirtAddr va(0xffff'8000'0000'1234);
  EXPECT_EQ((va + 0x1000).value(), 0xffff'8000'0000'2234u);
  EXPECT_EQ((va - 0x1234).value(), 0xffff'8000'0000'0000u);
  EXPECT_EQ((va + 5) - va, 5u);
  EXPECT_LT(VirtAddr(1), va);
  EXPECT_EQ(va.align_down(0x1000).value(), 0xffff'8000'0000'1000u);
  EXPECT_EQ(va.align_up(0x1000).value(), 0xffff'8000'0000'2000u);
  EXPECT_TRUE(va.is_aligned(4));
  EXPECT_FALSE(va.is_aligned(8));
  EXPECT_THROW((void)VirtAddr(kTop).align_up(0x1000), std::logic_error);
}

TEST(Address, PrintsSixteenDigits) {
  BufferWriter<64> out;
  print(out, "{} {}", VirtAddr(0xffff'0000'0000'0000), PhysAddr(0x4000'0000));
  EXPECT_EQ(out.text(), "0xffff000000000000 0x0000000040000000");
}

TEST(Frame, IsAlignedByConstruction) {
  EXPECT_EQ(Frame(PhysAddr(0x4000'3000)).number(), 0x4'0003u);
  EXPECT_EQ(Frame::containing(PhysAddr(0x4000'3fff)).address(), PhysAddr(0x4000'3000));
  EXPECT_EQ(Frame::from_number(7).address(), PhysAddr(0x7000));
  EXPECT_THROW(Frame(PhysAddr(0x4000'3001)), std::logic_error);
  EXPECT_EQ(Frame::from_number(9) - Frame::from_number(4), 5u);
  EXPECT_EQ((Frame::from_number(9) - 4).number(), 5u);
  EXPECT_LT(Frame::from_number(1), Frame::from_number(1) + 1);
}

TEST(Page, IsAlignedByConstruction) {
  EXPECT_EQ(Page::containing(VirtAddr(kTop)).address(), VirtAddr(0xffff'ffff'ffff'f000));
  EXPECT_EQ((Page(VirtAddr(0x1000)) + 2).address(), VirtAddr(0x3000));
  EXPECT_THROW(Page(VirtAddr(0x1008)), std::logic_error);
}

VirtRange range(u64 start, u64 size) { return {VirtAddr(start), size}; }

/// The last bytes of the address space belong to a range, though its end is 0.
TEST(Range, MayEndAtTheTop) {
  const VirtRange top = range(0xffff'ffff'ffff'f000, 0x1000);
  EXPECT_FALSE(top.wraps());
  EXPECT_EQ(top.last(), VirtAddr(kTop));
  EXPECT_EQ(top.end(), VirtAddr(0));
  EXPECT_TRUE(top.contains(VirtAddr(kTop)));
  EXPECT_FALSE(top.contains(VirtAddr(0)));
  EXPECT_TRUE(range(0xffff'0000'0000'0000, u64{1} << 48).contains(top));
}

TEST(Range, WrapsWhenItsLastByteComesBeforeItsFirst) {
  EXPECT_TRUE(range(kTop, 2).wraps());
  EXPECT_TRUE(range(1, kTop).wraps() == false) << "ends exactly at the top";
  EXPECT_TRUE(range(2, kTop).wraps());
  EXPECT_FALSE(range(0, kTop).wraps());
  EXPECT_FALSE(range(kTop, 0).wraps());
}

TEST(Range, Between) {
  EXPECT_EQ(VirtRange::between(VirtAddr(0x1000), VirtAddr(0x3000)), range(0x1000, 0x2000));
  EXPECT_TRUE(VirtRange::between(VirtAddr(5), VirtAddr(5)).is_empty());
  EXPECT_THROW((void)VirtRange::between(VirtAddr(2), VirtAddr(1)), std::logic_error);
}

TEST(Range, Alignment) {
  EXPECT_TRUE(range(0x2000, 0x1000).is_aligned(0x1000));
  EXPECT_FALSE(range(0x2000, 0x1001).is_aligned(0x1000));
  EXPECT_FALSE(range(0x2001, 0x1000).is_aligned(0x1000));
}

/// Every pair of small ranges at both ends of the space, against a byte-by-byte count.
TEST(Range, ContainsAndOverlapsAgreeWithCountingBytes) {
  for (const u64 base : {u64{0}, u64{0} - 8})
    for (u64 a = 0; a < 8; ++a)
      for (u64 a_size = 1; a_size <= 8 - a; ++a_size)
        for (u64 b = 0; b < 8; ++b)
          for (u64 b_size = 1; b_size <= 8 - b; ++b_size) {
            u64 shared = 0;
            for (u64 i = 0; i < 8; ++i)
              shared += (a <= i && i < a + a_size) && (b <= i && i < b + b_size);
            const VirtRange first = range(base + a, a_size), second = range(base + b, b_size);
            ASSERT_EQ(first.overlaps(second), shared != 0);
            ASSERT_EQ(first.contains(second), shared == b_size);
            ASSERT_EQ(first.contains(VirtAddr(base + b)), a <= b && b < a + a_size);
          }
  EXPECT_FALSE(range(5, 0).overlaps(range(0, 10)));
  EXPECT_FALSE(range(0, 10).overlaps(range(5, 0)));
  EXPECT_FALSE(range(5, 0).contains(VirtAddr(5)));
}

TEST(FrameRange, CountsFrames) {
  const FrameRange frames{Frame::from_number(16), 4};
  EXPECT_EQ(frames.end().number(), 20u);
  EXPECT_TRUE(frames.contains(Frame::from_number(19)));
  EXPECT_FALSE(frames.contains(Frame::from_number(20)));
  EXPECT_FALSE(frames.contains(Frame::from_number(15)));
  EXPECT_EQ(frames.bytes(), PhysRange(PhysAddr(0x1'0000), 0x4000));
}

}  // namespace
}  // namespace meridian
