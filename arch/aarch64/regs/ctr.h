// SPDX-License-Identifier: MIT
/// CTR_EL0 and DCZID_EL0: the sizes of cache lines and of DC ZVA's block (Arm ARM D19.2). The
/// registers count 4-byte words, as powers of two; these classes answer in bytes.
#pragma once

#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"

namespace meridian::arch {

class Ctr {
 public:
  using IminLine = Field<3, 0>;
  using L1Ip = Field<15, 14>;
  using DminLine = Field<19, 16>;
  using ERG = Field<23, 20>;
  using CWG = Field<27, 24>;
  using IDC = Bit<28>;
  using DIC = Bit<29>;
  using TminLine = Field<37, 32>;

  constexpr explicit Ctr(u64 raw) : raw_(raw) {}
  constexpr u64 raw() const { return raw_; }

  /// The smallest line of any instruction, or data and unified, cache: the stride of maintenance.
  constexpr u64 icache_line() const { return kWord << IminLine::decode(raw_); }
  constexpr u64 dcache_line() const { return kWord << DminLine::decode(raw_); }
  /// What one exclusive access may reserve and one write-back may write; 0 if the CPU does not say,
  /// which means up to 2 KiB.
  constexpr u64 exclusives_granule() const { return optional(ERG::decode(raw_)); }
  constexpr u64 writeback_granule() const { return optional(CWG::decode(raw_)); }
  /// Is the instruction cache found by physical address alone, so that maintenance by one address
  /// reaches the memory's other addresses too?
  constexpr bool icache_is_physical() const { return L1Ip::decode(raw_) == 0b11; }
  /// Must code be cleaned to the point of unification before it is fetched, and must the
  /// instruction cache be invalidated?
  constexpr bool needs_clean_for_fetch() const { return !IDC::is_set(raw_); }
  constexpr bool needs_invalidate_for_fetch() const { return !DIC::is_set(raw_); }

  void describe(Writer& out) const;

 private:
  static constexpr u64 kWord = 4;
  static constexpr u64 optional(u64 log2) { return log2 == 0 ? 0 : kWord << log2; }
  u64 raw_;
};

class Dczid {
 public:
  using BS = Field<3, 0>;
  using DZP = Bit<4>;

  constexpr explicit Dczid(u64 raw) : raw_(raw) {}
  constexpr u64 raw() const { return raw_; }

  /// The bytes that one DC ZVA zeroes, or 0 if the instruction is prohibited.
  constexpr u64 block() const { return DZP::is_set(raw_) ? 0 : u64{4} << BS::decode(raw_); }

  void describe(Writer& out) const;

 private:
  u64 raw_;
};

}  // namespace meridian::arch
