// SPDX-License-Identifier: MIT
/// Edge addresses times edge sizes times edge frames, into every entrance of the mapper: what is
/// not a range of whole pages in the half gets the error that names it, and nothing changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "machine.h"
#include "tally.h"

namespace meridian {
namespace {

/// Every power of two, its neighbours by a byte and by a page, and its complement.
std::vector<u64> edges() {
  std::vector<u64> all{0};
  for (unsigned bit :
       {0, 3, 11, 12, 13, 16, 20, 21, 25, 30, 38, 39, 40, 46, 47, 48, 49, 55, 56, 63})
    for (const u64 off : {u64{0}, u64{1}, ~u64{0}, 4_KiB, 0 - 4_KiB})
      for (const bool complement : {false, true}) {
        const u64 value = (u64{1} << bit) + off;
        all.push_back(complement ? 0 - value : value);
      }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

/// What a range must be told, from 128-bit arithmetic that cannot wrap; nothing if it is sound.
std::optional<Error> complaint(u64 start, u64 size, u64 half_start, u128 half_size) {
  if (start % 4096 != 0) return Error{Errc::not_aligned, start};
  if (size % 4096 != 0) return Error{Errc::not_aligned, size};
  const bool inside = start >= half_start && u128{start} + size <= u128{half_start} + half_size;
  if (size == 0 || !inside) return Error{Errc::bad_range, start};
  return std::nullopt;
}

template <typename Space>
void refuses_bad_ranges() {
  Machine<Space, Sharing::exclusive> machine;
  auto& mapper = machine.mapper;
  const std::vector<u64> before = machine.tables.contents();
  const Frame frame = Frame(PhysAddr(0x4000'0000));
  const u128 half_size = machine.decoder.half_size();
  for (const u64 start : edges())
    for (const u64 size : edges()) {
      const VirtRange range(VirtAddr(start), size);
      const auto wrong = complaint(start, size, Space::kBase, half_size);
      if (!wrong) continue;
      for (const MapOptions& options : {MapOptions{}, MapOptions{Level::L3, false}}) {
        count_bad_input("Mapper::map");
        ASSERT_EQ(mapper.map(range, frame, Space::kData, options).error(), *wrong)
            << std::hex << start << " + " << size;
      }
      count_bad_input("Mapper::protect");
      ASSERT_EQ(mapper.protect(range, Space::kData).error(), *wrong);
      count_bad_input("Mapper::split_and_unmap");
      ASSERT_EQ(mapper.split_and_unmap(range).error(), *wrong);
    }
  EXPECT_EQ(machine.tables.contents(), before);
  machine.expect_clean();
}
TEST(BadInput, RangesThatAreNoPagesOfTheHalf) {
  refuses_bad_ranges<ArmKernel>();
  refuses_bad_ranges<ArmUser39>();
  refuses_bad_ranges<ToyKernel>();
  refuses_bad_ranges<ToyUser>();
}

/// Sound ranges, to which no sound frames lead.
template <typename Space>
void refuses_frames_out_of_reach(unsigned output_bits) {
  Machine<Space, Sharing::exclusive> machine;
  const std::vector<u64> before = machine.tables.contents();
  for (const u64 pa : edges())
    for (const u64 size : {4_KiB, 8_KiB, 2_MiB, 8_MiB}) {
      if (pa % 4096 != 0) continue;
      if (u128{pa} + size <= u128{1} << output_bits) continue;
      const Frame first = Frame(PhysAddr(pa));
      count_bad_input("Mapper::map");
      ASSERT_EQ(machine.mapper.map({VirtAddr(Space::kBase), size}, first, Space::kData).error(),
                (Error{Errc::too_large, pa}));
      std::vector<Frame> frames;
      for (u64 i = 0; i < size / 4_KiB && i < 4; ++i) frames.push_back(first + i);
      if ((frames.back().address().value() >> output_bits) == 0) continue;
      count_bad_input("Mapper::map_pages");
      ASSERT_EQ(machine.mapper.map_pages(VirtAddr(Space::kBase), frames, Space::kData).error().code,
                Errc::too_large);
      count_bad_input("Mapper::replace_page");
      ASSERT_FALSE(
          machine.mapper.replace_page(VirtAddr(Space::kBase), frames.back(), Space::kData));
    }
  EXPECT_EQ(machine.tables.contents(), before);
}
TEST(BadInput, FramesThatTheFormatCannotAddress) {
  refuses_frames_out_of_reach<ArmKernel>(48);
  refuses_frames_out_of_reach<ToyUser>(44);
}

/// Single addresses: outside the half they are not canonical, inside nothing is mapped.
template <typename Space>
void refuses_addresses() {
  Machine<Space, Sharing::exclusive> machine;
  const Frame frame = Frame(PhysAddr(0x4000'0000));
  for (const u64 value : edges()) {
    const VirtAddr va(value);
    const bool inside = value - Space::kBase < machine.decoder.half_size();
    const Errc code = inside ? Errc::not_mapped : Errc::not_canonical;
    count_bad_input("Mapper::translate");
    EXPECT_EQ(machine.mapper.translate(va).error(), (Error{code, value}));
    EXPECT_EQ(machine.mapper.physical(va).error(), (Error{code, value}));
    EXPECT_EQ(machine.mapper.walk(va).why(), inside ? WalkEnd::invalid : WalkEnd::outside_half);
    count_bad_input("Mapper::split_block");
    EXPECT_EQ(machine.mapper.split_block(va, Level::L3).error(), (Error{code, value}));
    count_bad_input("Mapper::replace_page");
    const auto wrong = complaint(value, 4_KiB, Space::kBase, machine.decoder.half_size());
    EXPECT_EQ(machine.mapper.replace_page(va, frame, Space::kData).error(),
              wrong.value_or(Error{Errc::not_mapped, value}));
    count_bad_input("Mapper::map_pages");
    const std::span<const Frame> one(&frame, 1), none(&frame, usize{0});
    if (wrong) {
      EXPECT_EQ(machine.mapper.map_pages(va, one, Space::kData).error(), *wrong);
    }
    EXPECT_FALSE(machine.mapper.map_pages(va, none, Space::kData).has_value());
  }
  EXPECT_EQ(machine.tables.in_use(), 1u);
}
TEST(BadInput, AddressesOfNothing) {
  refuses_addresses<ArmKernel>();
  refuses_addresses<ArmUser39>();
  refuses_addresses<ToyKernel>();
  refuses_addresses<ToyUser>();
}

}  // namespace
}  // namespace meridian
