// SPDX-License-Identifier: MIT
/// SCTLR_EL1: translation and caches on, alignment checks, and what EL0 may do without a trap (Arm
/// ARM D19.2, "SCTLR_EL1, System Control Register (EL1)").
#pragma once

#include "arch/aarch64/regs/id_mmfr.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"

namespace meridian::arch {

class Sctlr {
 public:
  using M = Bit<0>;
  using A = Bit<1>;
  using C = Bit<2>;
  using SA = Bit<3>;
  using SA0 = Bit<4>;
  using CP15BEN = Bit<5>;
  using nAA = Bit<6>;
  using ITD = Bit<7>;
  using SED = Bit<8>;
  using UMA = Bit<9>;
  using EnRCTX = Bit<10>;
  using EOS = Bit<11>;
  using I = Bit<12>;
  using EnDB = Bit<13>;
  using DZE = Bit<14>;
  using UCT = Bit<15>;
  using nTWI = Bit<16>;
  using nTWE = Bit<18>;
  using WXN = Bit<19>;
  using TSCXT = Bit<20>;
  using IESB = Bit<21>;
  using EIS = Bit<22>;
  using SPAN = Bit<23>;
  using E0E = Bit<24>;
  using EE = Bit<25>;
  using UCI = Bit<26>;
  using EnDA = Bit<27>;
  using nTLSMD = Bit<28>;
  using LSMAOE = Bit<29>;
  using EnIB = Bit<30>;
  using EnIA = Bit<31>;
  using BT0 = Bit<35>;
  using BT1 = Bit<36>;
  using ITFSB = Bit<37>;
  using TCF0 = Field<39, 38>;
  using TCF = Field<41, 40>;
  using ATA0 = Bit<42>;
  using ATA = Bit<43>;
  using DSSBS = Bit<44>;
  using EPAN = Bit<57>;

  /// Bits that are RES1 on CPUs without the feature that gives them a meaning, and where 1 is the
  /// old behaviour on those that have it: EOS and EIS (exceptions synchronize context), TSCXT (EL0
  /// has no SCXTNUM), nTLSMD and LSMAOE (AArch32's LDM).
  static constexpr u64 kRes1 = EOS::kSet | EIS::kSet | TSCXT::kSet | nTLSMD::kSet | LSMAOE::kSet;

  constexpr explicit Sctlr(u64 raw) : raw_(raw) {}

  /// Little-endian, everything off, and no PAN on exceptions: what a CPU starts with.
  static constexpr Sctlr mmu_off() { return Sctlr(kRes1 | SPAN::kSet | SED::kSet | ITD::kSet); }

  /// What runs the kernel. On: translation, caches, checks of SP's alignment. EL0 may read CTR_EL0,
  /// clean to the point of unification, use DC ZVA, and wait (as on Linux). AArch32's SETEND and IT
  /// are off. SPAN: an exception to EL1 sets PSTATE.PAN where the CPU has it, so the kernel cannot
  /// touch user memory by accident; RES1 where it has not.
  ///
  /// WXN stays 0. It would make every writable page non-executable at both levels; for the kernel
  /// the tables already say so (the W^X audit reads them, and a mistake shall be seen, not masked),
  /// and at EL0 it would take the execute right from pages that the Linux ABI lets a program map
  /// RWX.
  static constexpr Sctlr for_kernel(IdAa64Mmfr1 id) {
    return Sctlr(kRes1 | M::kSet | C::kSet | SA::kSet | SA0::kSet | SED::kSet | ITD::kSet |
                 I::kSet | DZE::kSet | UCT::kSet | nTWI::kSet | nTWE::kSet | UCI::kSet |
                 SPAN::encode(!id.has_pan()));
  }

  constexpr u64 raw() const { return raw_; }
  constexpr bool mmu_is_on() const { return M::is_set(raw_); }

  void describe(Writer& out) const;

 private:
  void describe_el1(Writer& out) const;
  void describe_el0(Writer& out) const;
  void describe_features(Writer& out) const;

  u64 raw_;
};

}  // namespace meridian::arch
