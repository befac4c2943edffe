// SPDX-License-Identifier: MIT
/// The four memory types and the slots they live in.
#include "arch/aarch64/vmsa/memory_types.h"

#include <gtest/gtest.h>

namespace meridian::arch {
namespace {

TEST(MemoryTypes, FillTheFirstFourSlots) {
  // Attr0 0xff, Attr1 0x44, Attr2 0x04 (nGnRE), Attr3 0x00 (nGnRnE), the rest 0.
  EXPECT_EQ(kMair.raw(), 0x0000'0000'0004'44ffu);
  EXPECT_EQ(kMair.attr(0), 0xff);
  EXPECT_EQ(kMair.attr(1), 0x44);
  EXPECT_EQ(kMair.attr(2), 0x04);
  EXPECT_EQ(kMair.attr(3), 0x00);
  EXPECT_EQ(kMair.attr(7), 0x00);
}

TEST(MemoryTypes, EachHasItsSlotAndComesBack) {
  EXPECT_EQ(slot_of(MemoryType::normal), MairSlot::normal);
  EXPECT_EQ(slot_of(MemoryType::normal_uncached), MairSlot::normal_uncached);
  EXPECT_EQ(slot_of(MemoryType::device), MairSlot::device);
  EXPECT_EQ(slot_of(MemoryType::device_strict), MairSlot::device_strict);
  EXPECT_EQ(type_of(MairSlot::normal), MemoryType::normal);
  EXPECT_EQ(type_of(MairSlot::normal_uncached), MemoryType::normal_uncached);
  EXPECT_EQ(type_of(MairSlot::device), MemoryType::device);
  EXPECT_EQ(type_of(MairSlot::device_strict), MemoryType::device_strict);
}

TEST(MemoryTypes, AnUnusedSlotIsTheStrictestType) {
  for (unsigned slot = 4; slot < 8; ++slot)
    EXPECT_EQ(type_of(static_cast<MairSlot>(slot)), MemoryType::device_strict);
}

/// Memory outside the caches is outer shareable for the CPU, whatever the descriptor says.
TEST(MemoryTypes, OnlyCachedMemoryIsInnerShareable) {
  EXPECT_EQ(shareability_of(MemoryType::normal), Shareability::inner);
  EXPECT_EQ(shareability_of(MemoryType::normal_uncached), Shareability::outer);
  EXPECT_EQ(shareability_of(MemoryType::device), Shareability::outer);
  EXPECT_EQ(shareability_of(MemoryType::device_strict), Shareability::outer);
}

}  // namespace
}  // namespace meridian::arch
