// SPDX-License-Identifier: MIT
/// ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1 and ID_AA64MMFR2_EL1: what this CPU's memory system can do
/// (Arm ARM D19.2). Most fields count up from 0 = absent, but the granule fields follow three
/// different rules, which only this file knows.
#pragma once

#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"
#include "mm/paging/format.h"

namespace meridian::arch {

/// A translation granule, that is a page size.
enum class Granule : u8 { k4, k16, k64 };
inline constexpr Granule kGranules[] = {Granule::k4, Granule::k16, Granule::k64};
constexpr u64 bytes_of(Granule granule) {
  switch (granule) {
    case Granule::k4:
      return 4_KiB;
    case Granule::k16:
      return 16_KiB;
    case Granule::k64:
      return 64_KiB;
  }
  UNREACHABLE();
}

constexpr unsigned page_shift(Granule granule) {
  return static_cast<unsigned>(std::countr_zero(bytes_of(granule)));
}
/// A table fills a page with descriptors of 8 bytes, so a level resolves this many address bits.
constexpr unsigned index_bits(Granule granule) {
  return page_shift(granule) - std::countr_zero(sizeof(u64));
}
/// How many levels resolve `va_bits`. The first may resolve fewer bits than the others.
constexpr unsigned levels_for(Granule granule, unsigned va_bits) {
  return static_cast<unsigned>(divide_up(va_bits - page_shift(granule), index_bits(granule)));
}

/// Whether a stage 1 granule exists, and whether it can also have 52-bit addresses (for 4 and 16
/// KiB that is FEAT_LPA2, TCR_EL1.DS = 1; the 64 KiB granule has them by FEAT_LPA and FEAT_LVA,
/// without DS).
enum class GranuleSupport : u8 { absent, yes, with_52_bits };
const char* name_of(GranuleSupport support);

class IdAa64Mmfr0 {
 public:
  using PARange = Field<3, 0>;
  using ASIDBits = Field<7, 4>;
  using BigEnd = Field<11, 8>;
  using SNSMem = Field<15, 12>;
  using BigEndEL0 = Field<19, 16>;
  using TGran16 = Field<23, 20>;  // unsigned: 0 absent
  using TGran64 = Field<27, 24>;  // signed: 0xf (-1) absent
  using TGran4 = Field<31, 28>;   // signed: 0xf (-1) absent
  using TGran16_2 = Field<35, 32>;
  using TGran64_2 = Field<39, 36>;
  using TGran4_2 = Field<43, 40>;
  using ExS = Field<47, 44>;
  using FGT = Field<59, 56>;
  using ECV = Field<63, 60>;

  constexpr explicit IdAa64Mmfr0(u64 raw) : raw_(raw) {}
  constexpr u64 raw() const { return raw_; }

  /// Physical address bits implemented: 32 to 52 (56 for anything newer).
  constexpr unsigned pa_bits() const {
    constexpr u8 kBits[] = {32, 36, 40, 42, 44, 48, 52};
    const u64 range = PARange::decode(raw_);
    return range < sizeof(kBits) ? kBits[range] : 56;
  }
  constexpr unsigned asid_bits() const { return ASIDBits::decode(raw_) >= 0b0010 ? 16 : 8; }
  constexpr GranuleSupport support(Granule granule) const {
    switch (granule) {
      case Granule::k4:
        return signed_support(TGran4::decode(raw_));
      case Granule::k16: {
        const u64 value = TGran16::decode(raw_);
        if (value == 0) return GranuleSupport::absent;
        return value == 1 ? GranuleSupport::yes : GranuleSupport::with_52_bits;
      }
      case Granule::k64:
        // Never more than "yes": its 52-bit addresses are PARange's and VARange's business.
        return signed_support(TGran64::decode(raw_));
    }
    UNREACHABLE();
  }

  void describe(Writer& out) const;

 private:
  static constexpr GranuleSupport signed_support(u64 value) {
    constexpr u64 kNegative = 0b1000;
    if ((value & kNegative) != 0) return GranuleSupport::absent;
    return value == 0 ? GranuleSupport::yes : GranuleSupport::with_52_bits;
  }
  u64 raw_;
};

class IdAa64Mmfr1 {
 public:
  using HAFDBS = Field<3, 0>;
  using VMIDBits = Field<7, 4>;
  using VH = Field<11, 8>;
  using HPDS = Field<15, 12>;
  using LO = Field<19, 16>;
  using PAN = Field<23, 20>;
  using SpecSEI = Field<27, 24>;
  using XNX = Field<31, 28>;
  using TWED = Field<35, 32>;
  using ETS = Field<39, 36>;
  using HCX = Field<43, 40>;
  using AFP = Field<47, 44>;
  using nTLBPA = Field<51, 48>;
  using TIDCP1 = Field<55, 52>;
  using CMOW = Field<59, 56>;

  constexpr explicit IdAa64Mmfr1(u64 raw) : raw_(raw) {}
  constexpr u64 raw() const { return raw_; }

  constexpr bool has_hardware_access_flag() const { return HAFDBS::decode(raw_) >= 1; }
  constexpr bool has_hardware_dirty_state() const { return HAFDBS::decode(raw_) >= 2; }
  constexpr bool has_virtualization_host() const { return VH::decode(raw_) != 0; }
  constexpr bool has_pan() const { return PAN::decode(raw_) != 0; }

  void describe(Writer& out) const;

 private:
  u64 raw_;
};

class IdAa64Mmfr2 {
 public:
  using CnP = Field<3, 0>;
  using UAO = Field<7, 4>;
  using LSM = Field<11, 8>;
  using IESB = Field<15, 12>;
  using VARange = Field<19, 16>;
  using CCIDX = Field<23, 20>;
  using NV = Field<27, 24>;
  using ST = Field<31, 28>;
  using AT = Field<35, 32>;
  using IDS = Field<39, 36>;
  using FWB = Field<43, 40>;
  using TTL = Field<51, 48>;
  using BBM = Field<55, 52>;
  using EVT = Field<59, 56>;
  using E0PD = Field<63, 60>;

  constexpr explicit IdAa64Mmfr2(u64 raw) : raw_(raw) {}
  constexpr u64 raw() const { return raw_; }

  /// The most virtual address bits of a half with the 64 KiB granule; the others need LPA2 for 52.
  constexpr unsigned va_bits() const { return VARange::decode(raw_) == 0 ? 48 : 52; }
  /// The fewest: TxSZ goes up to 39, or with FEAT_TTST to 48 (47 with the 64 KiB granule).
  constexpr unsigned least_va_bits(Granule granule) const {
    if (ST::decode(raw_) == 0) return 25;
    return granule == Granule::k64 ? 17 : 16;
  }
  constexpr bool has_common_not_private() const { return CnP::decode(raw_) != 0; }
  constexpr bool has_uao() const { return UAO::decode(raw_) != 0; }
  constexpr bool has_e0pd() const { return E0PD::decode(raw_) != 0; }
  /// FEAT_BBM: 0 break-before-make for every change of size, 1 and 2 less strict.
  constexpr unsigned bbm_level() const { return static_cast<unsigned>(BBM::decode(raw_)); }

  void describe(Writer& out) const;

 private:
  u64 raw_;
};

/// One way to configure a stage 1 half on a CPU.
struct TranslationChoice {
  Granule granule;
  GranuleSupport support;
  unsigned least_va_bits, most_va_bits;
  unsigned most_levels;  // of lookup, for most_va_bits
  unsigned pa_bits;      // that its descriptors can hold and the CPU implements
};

/// What `granule` offers on this CPU. Without support, the rest is what the granule would offer.
TranslationChoice translation_choice(Granule granule, IdAa64Mmfr0 mmfr0, IdAa64Mmfr2 mmfr2);

}  // namespace meridian::arch
