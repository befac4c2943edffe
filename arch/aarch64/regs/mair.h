// SPDX-License-Identifier: MIT
/// MAIR_EL1: eight memory types of one byte each, which a descriptor's AttrIndx picks from (Arm ARM
/// D19.2, "MAIR_EL1"). PAR_EL1.ATTR reports the same bytes. Which slot holds what is decided in
/// vmsa/memory_types.h.
#pragma once

#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"

namespace meridian::arch {

/// The encodings this kernel uses. For normal memory the high half byte is the outer cacheability,
/// the low one the inner: 0b0100 non-cacheable, 0b1111 write-back, non-transient, allocating on
/// both.
enum class MairAttr : u8 {
  device_nGnRnE = 0x00,
  device_nGnRE = 0x04,
  normal_non_cacheable = 0x44,
  normal_write_back = 0xff,
};

/// Prints what any attribute byte means, ours or not: "device nGnRE".
void describe_mair_attr(Writer& out, u8 attr);

class Mair {
 public:
  static constexpr unsigned kSlots = 8;

  constexpr Mair() = default;
  constexpr explicit Mair(u64 raw) : raw_(raw) {}

  constexpr u64 raw() const { return raw_; }
  /// CHECKs slot < kSlots.
  constexpr u8 attr(unsigned slot) const {
    CHECK(slot < kSlots);
    return static_cast<u8>(raw_ >> (slot * 8));
  }
  /// A copy with one slot replaced.
  constexpr Mair with(unsigned slot, MairAttr attr) const {
    CHECK(slot < kSlots);
    const u64 mask = low_ones(8) << (slot * 8);
    return Mair((raw_ & ~mask) | static_cast<u64>(attr) << (slot * 8));
  }

  /// Every slot in words, a line each.
  void describe(Writer& out) const;

 private:
  u64 raw_ = 0;
};

}  // namespace meridian::arch
