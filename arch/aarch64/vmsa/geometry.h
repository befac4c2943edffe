// SPDX-License-Identifier: MIT
/// The shape of one half's address space (Arm ARM D8.2, "Translation process"): which addresses the
/// half has, at which level the walk starts, and which bits index the table of each level. All of
/// it follows from the granule (kPageShift) and the half's number of address bits, 64 - TxSZ.
#pragma once

#include "kernel/lib/bits.h"
#include "mm/address.h"
#include "mm/page_size.h"
#include "mm/paging/format.h"

namespace meridian::arch {

/// A descriptor is 8 bytes and a table fills a page, so a level resolves this many bits.
inline constexpr unsigned kIndexBits = kPageShift - std::countr_zero(sizeof(u64));

/// Physical addresses in descriptors, with TCR_EL1.DS = 0.
inline constexpr unsigned kOutputBits = 48;

/// What a half may have: below 25 bits only with FEAT_TTST, above 48 only with what DS = 0 rules
/// out.
inline constexpr unsigned kLeastVaBits = 16, kMostVaBits = 48;

/// The lowest address bit that indexes a table of `level`.
constexpr unsigned shift(Level level) {
  return kPageShift + kIndexBits * (number_of(Level::L3) - number_of(level));
}
/// The bytes that one entry of a table of `level` covers.
constexpr u64 entry_span(Level level) { return u64{1} << shift(level); }

/// May an entry of `level` map memory itself? A page always, a block up to 1 GiB: with DS = 0 that
/// is the rule of all three granules (4 KiB: L1 and L2; 16 and 64 KiB: L2).
constexpr bool can_be_leaf(Level level) {
  return level == Level::L3 || (level != Level::L0 && entry_span(level) <= 1_GiB);
}

/// How many neighbouring leaves of `level`, aligned, the Contiguous bit may join; 1 where it is not
/// used (Arm ARM D8, "The Contiguous bit"; L1 blocks are large enough without).
constexpr usize contiguous_group(Level level) {
  if (!can_be_leaf(level) || level == Level::L1) return 1;
  static_assert(kPageSize == 4_KiB || kPageSize == 16_KiB || kPageSize == 64_KiB);
  if (kPageSize == 4_KiB) return 16;
  return kPageSize == 16_KiB && level == Level::L3 ? 128 : 32;
}

/// The low half is TTBR0's, the high half TTBR1's.
enum class Half : u8 { low, high };
constexpr const char* name_of(Half half) {
  switch (half) {
    case Half::low:
      return "low half (TTBR0)";
    case Half::high:
      return "high half (TTBR1)";
  }
  UNREACHABLE();
}
/// The half whose TTBR the CPU uses for `va`: bit 55 decides, with or without a tag above it.
constexpr Half half_of(VirtAddr va) { return Bit<55>::is_set(va.value()) ? Half::high : Half::low; }

/// TCR_EL1.TBIn: are bits 63 to 56 part of the address, or a tag that translation ignores?
enum class TopByte : u8 { checked, ignored };

class Geometry {
 public:
  /// CHECKs kLeastVaBits <= va_bits <= kMostVaBits.
  constexpr Geometry(Half half, unsigned va_bits, TopByte top_byte = TopByte::checked)
      : half_(half), top_byte_(top_byte), va_bits_(static_cast<u8>(va_bits)) {
    CHECK(kLeastVaBits <= va_bits && va_bits <= kMostVaBits);
    const unsigned levels = static_cast<unsigned>(divide_up(va_bits - kPageShift, kIndexBits));
    first_level_ = static_cast<Level>(number_of(Level::L3) + 1 - levels);
    first_index_mask_ = static_cast<u16>(low_ones(va_bits - shift(first_level_)));
    const unsigned checked_bits = top_byte == TopByte::checked ? 64 : 56;
    upper_ = low_ones(checked_bits) & ~low_ones(va_bits);
  }

  constexpr Half half() const { return half_; }
  constexpr unsigned va_bits() const { return va_bits_; }
  constexpr TopByte top_byte() const { return top_byte_; }
  /// The half's size in bytes, and its first and last address (without a tag).
  constexpr u64 size() const { return u64{1} << va_bits_; }
  constexpr VirtAddr first() const {
    return VirtAddr(half_ == Half::low ? 0 : ~low_ones(va_bits_));
  }
  constexpr VirtAddr last() const { return first() + (size() - 1); }

  /// The level of the table that TTBRn points to: as few levels as resolve va_bits.
  constexpr Level first_level() const { return first_level_; }
  /// Entries that a table of `level` uses: all of them, but in the first table only as many as
  /// va_bits can index. CHECKs that the walk reaches `level`.
  constexpr usize entries(Level level) const {
    CHECK(level >= first_level());
    return level == first_level() ? usize{first_index_mask_} + 1 : usize{1} << kIndexBits;
  }
  constexpr usize index(Level level, VirtAddr va) const {
    const u64 mask = level == first_level() ? first_index_mask_ : low_ones(kIndexBits);
    return (va.value() >> shift(level)) & mask;
  }
  /// index() in a table that is not the first.
  static constexpr usize table_index(Level level, VirtAddr va) {
    return (va.value() >> shift(level)) & low_ones(kIndexBits);
  }
  constexpr u64 entry_span(Level level) const { return arch::entry_span(level); }
  constexpr bool can_map(Level level) const { return level >= first_level() && can_be_leaf(level); }
  /// 1 also where the first table is smaller than a group.
  constexpr usize contiguous_entries(Level level) const {
    if (!can_map(level) || entries(level) < contiguous_group(level)) return 1;
    return contiguous_group(level);
  }

  /// Does this half translate `va`? Bit 55 says which half is asked, and the bits from there down
  /// to va_bits (from bit 63 if the top byte is checked) must all equal it; else it lies in the
  /// hole and raises a translation fault at level 0 without any table being read.
  constexpr bool contains(VirtAddr va) const {
    return (va.value() & upper_) == (half_ == Half::low ? 0 : upper_);
  }

  friend constexpr bool operator==(const Geometry&, const Geometry&) = default;

 private:
  Half half_;
  TopByte top_byte_;
  u8 va_bits_;
  // What follows from these, worked out once: each walk asks for it.
  Level first_level_{};
  u16 first_index_mask_ = 0;
  u64 upper_ = 0;  // the bits that must all equal bit 55
};
static_assert(PagingGeometry<Geometry>);

}  // namespace meridian::arch
