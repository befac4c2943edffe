// SPDX-License-Identifier: MIT
/// SPSR_EL1: the PSTATE that an exception saved and ERET restores (Arm ARM D19.2, "SPSR_EL1", for a
/// state in AArch64).
#pragma once

#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"

namespace meridian::arch {

/// M[4:0] with M[4] = 0: the exception level, and which stack pointer it uses.
enum class SpsrMode : u8 {
  el0t = 0b00000,
  el1t = 0b00100,
  el1h = 0b00101,
  el2t = 0b01000,
  el2h = 0b01001
};
/// "EL1h"; "AArch32 or reserved" for a value without an enumerator.
const char* name_of(SpsrMode mode);

class Spsr {
 public:
  using Mode = Field<4, 0, SpsrMode>;
  using F = Bit<6>;
  using I = Bit<7>;
  using A = Bit<8>;
  using D = Bit<9>;
  using BTYPE = Field<11, 10>;
  using SSBS = Bit<12>;
  using ALLINT = Bit<13>;
  using IL = Bit<20>;
  using SS = Bit<21>;
  using PAN = Bit<22>;
  using UAO = Bit<23>;
  using DIT = Bit<24>;
  using TCO = Bit<25>;
  using V = Bit<28>;
  using C = Bit<29>;
  using Z = Bit<30>;
  using N = Bit<31>;

  constexpr explicit Spsr(u64 raw) : raw_(raw) {}
  /// A program's start: EL0, nothing masked, flags clear.
  static constexpr Spsr el0() { return Spsr(Mode::encode(SpsrMode::el0t)); }
  /// The kernel with every exception masked, as on entry.
  static constexpr Spsr el1_masked() {
    return Spsr(Mode::encode(SpsrMode::el1h) | F::kSet | I::kSet | A::kSet | D::kSet);
  }

  constexpr u64 raw() const { return raw_; }
  constexpr SpsrMode mode() const { return Mode::decode(raw_); }
  constexpr bool is_el0() const { return mode() == SpsrMode::el0t; }

  /// One line without a newline: "EL1h, masked DAIF, flags nZCv, PAN".
  void describe(Writer& out) const;

 private:
  u64 raw_;
};

}  // namespace meridian::arch
