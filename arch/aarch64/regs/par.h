// SPDX-License-Identifier: MIT
/// PAR_EL1: what an AT instruction found (Arm ARM D19.2, "PAR_EL1, Physical Address Register"). Bit
/// 0 decides which of two layouts the rest has.
#pragma once

#include "arch/aarch64/regs/esr.h"
#include "arch/aarch64/vmsa/geometry.h"
#include "arch/aarch64/vmsa/memory_types.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"
#include "mm/frame.h"

namespace meridian::arch {

class Par {
 public:
  using F = Bit<0>;  // the translation failed

  // F = 0.
  using SH = Field<8, 7, Shareability>;
  using NS = Bit<9>;
  using PA = Field<kOutputBits - 1, 12>;  // in units of 4 KiB, whatever the granule
  using ATTR = Field<63, 56, u8>;         // encoded as a byte of MAIR_EL1

  // F = 1.
  using FST = Field<6, 1>;  // encoded as ESR_EL1's DFSC
  using PTW = Bit<8>;       // the fault was stage 2's, on a read of a stage 1 table
  using S = Bit<9>;         // the fault was stage 2's

  constexpr explicit Par(u64 raw) : raw_(raw) {}

  constexpr u64 raw() const { return raw_; }
  constexpr bool failed() const { return F::is_set(raw_); }

  /// Success: the frame that the address lies in. CHECKs !failed().
  constexpr Frame frame() const {
    CHECK(!failed());
    return Frame::containing(PhysAddr(raw_ & PA::kMask));
  }
  /// Success: the memory type, as a byte of MAIR_EL1, and the shareability that results.
  constexpr u8 attr() const { return ATTR::decode(raw_); }
  constexpr Shareability shareability() const { return SH::decode(raw_); }

  /// Failure: what stopped the walk, and where. CHECKs failed().
  FaultCode fault_code() const {
    CHECK(failed());
    return decode_fault_code(FST::decode(raw_));
  }

  void describe(Writer& out) const;

 private:
  u64 raw_;
};

}  // namespace meridian::arch
