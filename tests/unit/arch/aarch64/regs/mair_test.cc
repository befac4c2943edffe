// SPDX-License-Identifier: MIT
/// MAIR_EL1: bytes in slots, and what any byte means.
#include "arch/aarch64/regs/mair.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "described_fields.h"
#include "text_writer.h"

namespace meridian::arch {
namespace {

TEST(Mair, SlotsAreBytesFromTheBottomUp) {
  const Mair mair(0x0706'0504'0302'0100);
  for (unsigned slot = 0; slot < 8; ++slot) EXPECT_EQ(mair.attr(slot), slot);
  EXPECT_EQ(mair.with(7, MairAttr::normal_write_back).raw(), 0xff06'0504'0302'0100u);
  EXPECT_EQ(mair.with(0, MairAttr::normal_non_cacheable).raw(), 0x0706'0504'0302'0144u);
  EXPECT_THROW((void)mair.attr(8), std::logic_error);
  EXPECT_THROW((void)mair.with(8, MairAttr::device_nGnRE), std::logic_error);
}

/// The manual's encodings.
TEST(Mair, NamesEveryKindOfMemory) {
  struct Row {
    u8 attr;
    const char* words;
  };
  const Row rows[] = {
      {0x00, "device nGnRnE"},
      {0x04, "device nGnRE"},
      {0x08, "device nGRE"},
      {0x0c, "device GRE"},
      {0x01, "device nGnRnE (extended)"},
      {0x44, "normal non-cacheable"},
      {0xff, "normal write-back, read and write allocate"},
      {0xee, "normal write-back, read allocate"},
      {0xbb, "normal write-through, read and write allocate"},
      {0x77, "normal write-back transient, read and write allocate"},
      {0x33, "normal write-through transient, read and write allocate"},
      {0x4f, "normal write-back, read and write allocate (inner), non-cacheable (outer)"},
      {0xf0, "normal, special or reserved"},
  };
  for (const Row& row : rows) {
    TextWriter out;
    describe_mair_attr(out, row.attr);
    EXPECT_EQ(out.text, row.words) << std::hex << unsigned{row.attr};
  }
}

TEST(Mair, DescribesEverySlot) {
  TextWriter out;
  Mair(0x0004'44ff).describe(out);
  const DescribedFields fields(out.text);
  EXPECT_EQ(fields.bits, ~u64{0});
  EXPECT_EQ(fields.rebuilt, 0x0004'44ffu);
  EXPECT_EQ(line_of(out.text, "Attr2"), "  Attr2     [23:16]    0x4  device nGnRE");
}

}  // namespace
}  // namespace meridian::arch
