// SPDX-License-Identifier: MIT
/// compare's data: every fact has a source, the numbers are the manuals', and an address is taken
/// apart as each architecture does it. Indexes are worked out by hand.
#include "mm/layout/compare.h"

#include <gtest/gtest.h>

#include "arch/aarch64/vmsa/descriptor.h"
#include "mm/layout/all.h"
#include "mm/layout/x86_64_5level.h"

namespace meridian {
namespace {

const Column& column(std::string_view name) {
  for (const Column& c : compared_columns())
    if (c.name == name) return c;
  throw std::logic_error("no such column");
}

struct Decoded {
  bool valid;
  u64 va;
  std::vector<unsigned> indexes;
  bool operator==(const Decoded&) const = default;
};
Decoded decoded(std::string_view name, u64 va) {
  const DecodedAddress d = decode_address(column(name), va);
  return {d.valid, d.va, {d.indexes.begin(), d.indexes.end()}};
}
RegionKind region(std::string_view name, u64 va) {
  return decode_address(column(name), va).region->kind;
}

/// 0xffff888000001000: bits 47:39 = 273 (0x111), 38:30 = 0, 29:21 = 0, 20:12 = 1.
TEST(Compare, TakesAnAddressOfX86_64Apart) {
  constexpr u64 kVa = 0xffff'8880'0000'1000;
  EXPECT_EQ(decoded("x86-64", kVa), (Decoded{true, kVa, {273, 0, 0, 1}}));
  EXPECT_EQ(decoded("x86-64-5level", kVa), (Decoded{true, kVa, {511, 273, 0, 0, 1}}));
  EXPECT_EQ(decoded("arm64", kVa), (Decoded{true, kVa, {273, 0, 0, 1}}));
  EXPECT_EQ(decoded("arm64-39", kVa), (Decoded{false, kVa, {}}));
  EXPECT_EQ(decoded("i386", kVa), (Decoded{false, kVa, {}}));
  EXPECT_EQ(region("x86-64", kVa), RegionKind::linear);
}

/// 0x00007fffffffffff is the last canonical address below the hole: PML4 entry 255, all else 511.
TEST(Compare, KnowsTheEdgesOfEachHole) {
  EXPECT_EQ(decoded("x86-64", 0x7fff'ffff'ffff).indexes,
            (std::vector<unsigned>{255, 511, 511, 511}));
  EXPECT_FALSE(decoded("x86-64", 0x8000'0000'0000).valid);
  EXPECT_FALSE(decoded("x86-64", 0xffff'7fff'ffff'ffff).valid);
  EXPECT_TRUE(decoded("x86-64", 0xffff'8000'0000'0000).valid);
  EXPECT_TRUE(decoded("arm64", 0x8000'0000'0000).valid);
  EXPECT_FALSE(decoded("arm64", 0x0001'0000'0000'0000).valid);
  EXPECT_TRUE(decoded("x86-64-5level", 0x00ff'ffff'ffff'ffff).valid);
  EXPECT_FALSE(decoded("x86-64-5level", 0x0100'0000'0000'0000).valid);
  EXPECT_TRUE(decoded("arm64-39", 0x7f'ffff'ffff).valid);
  EXPECT_FALSE(decoded("arm64-39", 0x80'0000'0000).valid);
}

/// 0xc0000000 >> 22 = 768; 0xbfffffff: 767 and 1023.
TEST(Compare, TakesAnI386AddressInBothItsForms) {
  const Decoded kernel{true, 0xffff'ffff'c000'0000, {768, 0}};
  EXPECT_EQ(decoded("i386", 0xc000'0000), kernel);
  EXPECT_EQ(decoded("i386", 0xffff'ffff'c000'0000), kernel);
  EXPECT_EQ(region("i386-6.1", 0xff00'0000), RegionKind::pkmap);

  const Decoded user{true, 0xbfff'ffff, {767, 1023}};
  EXPECT_EQ(decoded("i386", 0xbfff'ffff), user);
  EXPECT_EQ(decoded("i386", 0xffff'ffff'bfff'ffff), user) << "sign-extended";
  EXPECT_EQ(region("i386", 0xbfff'ffff), RegionKind::user);
}

TEST(Compare, RefusesWhatIsNo32BitAddress) {
  for (const u64 va : {u64{0x1'0000'0000}, u64{0xffff'ffff'7fff'ffff}, u64{0xffff'fffe'c000'0000}})
    for (const std::string_view name : {"i386", "i386-6.1", "macosx-32"})
      EXPECT_FALSE(decoded(name, va).valid) << std::hex << va;
}

/// Both spaces of 32-bit Mac OS X have all 4 GiB; more is not documented.
TEST(Compare, OfMacOsXOnlyTheShapeIsKnown) {
  const DecodedAddress d = decode_address(column("macosx-32"), 0xc000'0000);
  EXPECT_TRUE(d.valid);
  EXPECT_EQ(d.va, 0xc000'0000u);
  EXPECT_EQ(d.region, nullptr);
  EXPECT_TRUE(d.indexes.is_empty());
}

TEST(Compare, SplitsAddressesAsTheManualsDo) {
  const AddressSplit& five = column("x86-64-5level").split;
  EXPECT_EQ(five.depth(), 5u);
  EXPECT_EQ(five.name(0), "PML5");
  EXPECT_EQ(five.shift(0), 48u);
  EXPECT_EQ(five.width(0), 9u);
  const AddressSplit& i386 = column("i386").split;
  EXPECT_EQ(i386.depth(), 2u);
  EXPECT_EQ(i386.name(0), "PD");
  EXPECT_EQ(i386.shift(0), 22u);
  EXPECT_EQ(i386.width(0), 10u);
  EXPECT_EQ(column("arm64-39").split.depth(), 3u);
  EXPECT_EQ(column("arm64-39").split.name(0), "L1");
}

/// Else the one that runs would not be marked.
TEST(Compare, EveryLayoutHasItsColumn) {
  for (const LayoutId id : kLayoutIds) {
    const std::string_view name = layout_of(id).name;
    ASSERT_NE(column(name).layout, nullptr) << name;
    EXPECT_EQ(column(name).layout->name, name);
  }
}

TEST(Compare, EveryFactHasASource) {
  for (const Column& c : compared_columns()) EXPECT_FALSE(c.source.empty()) << c.name;
  for (const FactRow& row : compared_facts())
    for (const LayoutFamily family : kLayoutFamilies)
      EXPECT_EQ(row.of(family).value.empty(), row.of(family).source.empty()) << row.topic;
}

/// A line of a fact is 24 characters and its value; a row of entry bits is in four columns.
TEST(Compare, FitsInAHundredCharacters) {
  for (const FactRow& row : compared_facts())
    for (const Fact& fact : row.facts) {
      EXPECT_LE(fact.value.size(), 75u) << fact.value;
      EXPECT_LE(fact.source.size(), 75u) << fact.source;
    }
  for (const EntryRow& row : compared_entries())
    for (const EntryField* field : {&row.arm64, &row.x86_64, &row.i386})
      EXPECT_LE(field->name.size() + field->note.size(), 20u) << field->name;
}

const EntryField& arm64_field(std::string_view name) {
  for (const EntryRow& row : compared_entries())
    if (row.arm64.name == name) return row.arm64;
  throw std::logic_error("no such field");
}

/// What is printed of AArch64's bits is what this kernel programs.
TEST(Compare, AArch64sBitsAreTheDescriptors) {
  using D = arch::Descriptor;
  const struct {
    std::string_view name;
    unsigned high, low;
  } fields[] = {{"Valid", D::Valid::kHigh, D::Valid::kLow},
                {"type", D::TableOrPage::kHigh, D::TableOrPage::kLow},
                {"AP[1]", D::AP::kLow, D::AP::kLow},
                {"AP[2]", D::AP::kHigh, D::AP::kHigh},
                {"UXN", D::UXN::kHigh, D::UXN::kLow},
                {"PXN", D::PXN::kHigh, D::PXN::kLow},
                {"nG", D::nG::kHigh, D::nG::kLow},
                {"AF", D::AF::kHigh, D::AF::kLow},
                {"DBM", D::DBM::kHigh, D::DBM::kLow},
                {"AttrIndx", D::AttrIndx::kHigh, D::AttrIndx::kLow},
                {"SH", D::SH::kHigh, D::SH::kLow},
                {"Contiguous", D::Contiguous::kHigh, D::Contiguous::kLow},
                {"Software", D::Software::kHigh, D::Software::kLow},
                {"APTable[0]", D::APTable::kLow, D::APTable::kLow},
                {"APTable[1]", D::APTable::kHigh, D::APTable::kHigh}};
  for (const auto& field : fields) {
    EXPECT_EQ(arm64_field(field.name).high, field.high) << field.name;
    EXPECT_EQ(arm64_field(field.name).low, field.low) << field.name;
  }
}

/// Linux, Documentation/x86/x86_64/mm.rst, the table with five levels.
TEST(X86_64FiveLevelLayout, HasLinuxsAddresses) {
  using enum RegionKind;
  const Layout& layout = kX86_64_5LevelLayout;
  EXPECT_EQ(layout.user_end(), 0x0100'0000'0000'0000u);
  EXPECT_EQ(layout.region(linear).first, 0xff11'0000'0000'0000u);
  EXPECT_EQ(layout.region(linear).last, 0xff90'ffff'ffff'ffffu);
  EXPECT_EQ(layout.region(vmalloc).first, 0xffa0'0000'0000'0000u);
  EXPECT_EQ(layout.region(vmalloc).last, 0xffd1'ffff'ffff'ffffu);
  EXPECT_EQ(layout.region(frame_table).first, 0xffd4'0000'0000'0000u);
  EXPECT_EQ(layout.region(image).first, 0xffff'ffff'8000'0000u);
  EXPECT_EQ(layout.region_of(VirtAddr(0xffff'fc00'0000'0000)).first, 0xffff'fc00'0000'0000u);
}

}  // namespace
}  // namespace meridian
