// SPDX-License-Identifier: MIT
/// Linux's arm64 formulas for the configurations that this kernel does not run with. The numbers
/// come from Linux 6.1's headers, compiled for each.
#include <gtest/gtest.h>

#include "mm/layout/arm64.h"

namespace meridian {
namespace {

constexpr u64 operator""_GiBs(unsigned long long n) { return u64{n} << 30; }
constexpr u64 operator""_TiBs(unsigned long long n) { return u64{n} << 40; }

struct Row {
  unsigned page_shift, va_bits;
  u64 linear, linear_size, modules, vmalloc, vmalloc_last, pci_io, vmemmap, vmemmap_size;
};
constexpr Row kRows[] = {
    {14, 48, 0xffff'0000'0000'0000, 128_TiBs, 0xffff'8000'0000'0000, 0xffff'8000'0800'0000,
     0xffff'feff'efff'ffff, 0xffff'feff'fe80'0000, 0xffff'ff00'0000'0000, 512_GiBs},
    {14, 47, 0xffff'8000'0000'0000, 64_TiBs, 0xffff'c000'0000'0000, 0xffff'c000'0800'0000,
     0xffff'ff7f'efff'ffff, 0xffff'ff7f'fe80'0000, 0xffff'ff80'0000'0000, 256_GiBs},
    {14, 36, 0xffff'fff0'0000'0000, 32_GiBs, 0xffff'fff8'0000'0000, 0xffff'fff8'0800'0000,
     0xffff'ffff'dfff'ffff, 0xffff'ffff'ee80'0000, 0xffff'ffff'f000'0000, 128_MiB},
    {16, 48, 0xffff'0000'0000'0000, 128_TiBs, 0xffff'8000'0000'0000, 0xffff'8000'0800'0000,
     0xffff'ffbf'efff'ffff, 0xffff'ffbf'fe80'0000, 0xffff'ffc0'0000'0000, 128_GiBs},
    {16, 42, 0xffff'fc00'0000'0000, 2_TiBs, 0xffff'fe00'0000'0000, 0xffff'fe00'0800'0000,
     0xffff'fffe'efff'ffff, 0xffff'fffe'fe80'0000, 0xffff'ffff'0000'0000, 2_GiBs},
    {16, 52, 0xfff0'0000'0000'0000, 3968_TiBs, 0xffff'8000'0000'0000, 0xffff'8000'0800'0000,
     0xffff'fbff'efff'ffff, 0xffff'fbff'fe80'0000, 0xffff'fc00'0000'0000, 3968_GiBs},
};

TEST(Arm64Addresses, AreLinuxsForEveryPageSize) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(testing::Message() << (1 << row.page_shift) << " " << row.va_bits);
    const Arm64Addresses a = arm64_addresses(row.va_bits, row.page_shift);
    EXPECT_EQ(a.task_size, u64{1} << row.va_bits);
    EXPECT_EQ(a.page_offset, row.linear);
    EXPECT_EQ(a.linear_size(), row.linear_size);
    EXPECT_EQ(a.page_end, row.modules);
    EXPECT_EQ(a.vmalloc_start(), row.vmalloc);
    EXPECT_EQ(a.vmalloc_end - 1, row.vmalloc_last);
    EXPECT_EQ(a.pci_io_start, row.pci_io);
    EXPECT_EQ(a.vmemmap_start, row.vmemmap);
    EXPECT_EQ(a.vmemmap_size(), row.vmemmap_size);
  }
}

/// 4 KiB pages and 39 bits, the layout arm64-39.
TEST(Arm64Addresses, AreTheLayouts) {
  const Arm64Addresses a = arm64_addresses(39);
  EXPECT_EQ(a.page_offset, 0xffff'ff80'0000'0000u);
  EXPECT_EQ(a.vmemmap_start, 0xffff'fffe'0000'0000u);
  EXPECT_EQ(kArm64_39Layout.region(RegionKind::linear).first, a.page_offset);
  EXPECT_EQ(kArm64_39Layout.region(RegionKind::frame_table).first, a.vmemmap_start);
}

}  // namespace
}  // namespace meridian
