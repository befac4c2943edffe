// SPDX-License-Identifier: MIT
/// TTBR0_EL1 and TTBR1_EL1: the root of each half's tables and the ASID that tags its translations
/// (Arm ARM D19.2). With TCR_EL1.A1 = 0 the ASID in TTBR0 counts, so one write changes root and tag
/// together.
#pragma once

#include <string_view>

#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"
#include "mm/frame.h"

namespace meridian::arch {

class Ttbr {
 public:
  using CnP = Bit<0>;  // common not private: other CPUs hold the same value; unused
  using BADDR = Field<47, 1>;
  using ASID = Field<63, 48, u16>;

  constexpr explicit Ttbr(u64 raw) : raw_(raw) {}
  /// `root` starts a page, more than any first table needs. CHECKs that it has at most 48 bits.
  constexpr Ttbr(Frame root, u16 asid)
      : raw_(BADDR::encode(root.address().value() >> BADDR::kLow) | ASID::encode(asid)) {}

  constexpr u64 raw() const { return raw_; }
  constexpr PhysAddr table() const { return PhysAddr(raw_ & BADDR::kMask); }
  constexpr Frame root() const { return Frame::containing(table()); }
  constexpr u16 asid() const { return ASID::decode(raw_); }

  /// `name` is "TTBR0_EL1" or "TTBR1_EL1".
  void describe(Writer& out, std::string_view name) const;

 private:
  u64 raw_;
};
static_assert(Ttbr(Frame(PhysAddr(0x4063'a000)), 0x0012).raw() == 0x0012'0000'4063'a000);

}  // namespace meridian::arch
