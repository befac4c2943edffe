// SPDX-License-Identifier: MIT
/// What boot writes to EL2's registers on the way down to EL1 (Arm ARM, "AArch64 System Register
/// Descriptions"): only the fields it needs by name.
#pragma once

#include "kernel/lib/bits.h"

namespace meridian::arch {

/// HCR_EL2: with everything else 0 there is no stage 2 and no trap.
struct HcrEl2 {
  using RW = Bit<31>;  // EL1 is AArch64
};
inline constexpr u64 kHcrEl2 = HcrEl2::RW::kSet;

/// CNTHCTL_EL2 (E2H = 0).
struct CnthctlEl2 {
  using EL1PCTEN = Bit<0>;  // EL1 reads the physical counter
  using EL1PCEN = Bit<1>;   // EL1 has the physical timer
};
inline constexpr u64 kCnthctlEl2 = CnthctlEl2::EL1PCTEN::kSet | CnthctlEl2::EL1PCEN::kSet;

/// CPTR_EL2 (E2H = 0): the bits that are RES1 where SVE and SME are missing, so that FP is not
/// trapped, and SVE and SME are.
struct CptrEl2 {
  using RES1_low = Field<7, 0>;
  using TZ = Bit<8>;
  using RES1_9 = Bit<9>;
  using TSM = Bit<12>;
  using RES1_13 = Bit<13>;
};
inline constexpr u64 kCptrEl2 = CptrEl2::RES1_low::kMask | CptrEl2::TZ::kSet |
                                CptrEl2::RES1_9::kSet | CptrEl2::TSM::kSet | CptrEl2::RES1_13::kSet;
static_assert(kCptrEl2 == 0x33ff);

/// ICC_SRE_EL2.
struct IccSreEl2 {
  using SRE = Bit<0>;     // EL2 uses the system registers,
  using Enable = Bit<3>;  // and EL1 may choose to
};

// Fields of identification registers that el2_to_el1.S looks at.
using IdDfr0PmuVer = Field<11, 8>;
using IdPfr0Gic = Field<27, 24>;
using IdMmfr0Fgt = Field<59, 56>;
using IdMmfr1Hcx = Field<43, 40>;
using PmcrN = Field<15, 11>;

/// SPSR: EL1 with its own SP, all of DAIF masked.
inline constexpr u64 kSpsrEl1hMasked = 0x3c5;

}  // namespace meridian::arch
