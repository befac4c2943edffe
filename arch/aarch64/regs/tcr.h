// SPDX-License-Identifier: MIT
/// TCR_EL1: how big the two halves are and how their tables are read (Arm ARM D19.2, "TCR_EL1,
/// Translation Control Register"). Reset leaves it unknown, so the value this kernel programs
/// decides every field, the ones it does not want being zero on purpose.
#pragma once

#include <algorithm>
#include <optional>

#include "arch/aarch64/regs/id_mmfr.h"
#include "arch/aarch64/vmsa/geometry.h"
#include "arch/aarch64/vmsa/memory_types.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"
#include "mm/layout/layout.h"

namespace meridian::arch {

/// TCR_EL1.TG0 and TG1 encode the same three sizes differently.
enum class Tg0 : u8 { k4 = 0b00, k64 = 0b01, k16 = 0b10 };
enum class Tg1 : u8 { k16 = 0b01, k4 = 0b10, k64 = 0b11 };

/// How the MMU caches its own reads of tables (IRGNn, ORGNn).
enum class WalkCacheability : u8 {
  non_cacheable = 0b00,
  write_back_allocate = 0b01,
  write_through = 0b10,
  write_back = 0b11,
};

/// IPS, the output size; the same encoding as ID_AA64MMFR0_EL1.PARange.
enum class OutputSize : u8 { bits32, bits36, bits40, bits42, bits44, bits48, bits52 };

/// The largest output size the CPU has and 48-bit descriptors can use. A CPU with 52 bits must be
/// told 48: with DS = 0 the 4 KiB format has no place for the rest, and the encoding is reserved.
constexpr OutputSize output_size_for(IdAa64Mmfr0 id) {
  return static_cast<OutputSize>(
      std::min<u64>(IdAa64Mmfr0::PARange::decode(id.raw()), static_cast<u64>(OutputSize::bits48)));
}

class Tcr {
 public:
  using T0SZ = Field<5, 0>;
  using EPD0 = Bit<7>;
  using IRGN0 = Field<9, 8, WalkCacheability>;
  using ORGN0 = Field<11, 10, WalkCacheability>;
  using SH0 = Field<13, 12, Shareability>;
  using TG0 = Field<15, 14, Tg0>;
  using T1SZ = Field<21, 16>;
  using A1 = Bit<22>;
  using EPD1 = Bit<23>;
  using IRGN1 = Field<25, 24, WalkCacheability>;
  using ORGN1 = Field<27, 26, WalkCacheability>;
  using SH1 = Field<29, 28, Shareability>;
  using TG1 = Field<31, 30, Tg1>;
  using IPS = Field<34, 32, OutputSize>;
  using AS = Bit<36>;
  using TBI0 = Bit<37>;
  using TBI1 = Bit<38>;
  using HA = Bit<39>;
  using HD = Bit<40>;
  using HPD0 = Bit<41>;
  using HPD1 = Bit<42>;
  using HWU0 = Field<46, 43>;
  using HWU1 = Field<50, 47>;
  using TBID0 = Bit<51>;
  using TBID1 = Bit<52>;
  using NFD0 = Bit<53>;
  using NFD1 = Bit<54>;
  using E0PD0 = Bit<55>;
  using E0PD1 = Bit<56>;
  using TCMA0 = Bit<57>;
  using TCMA1 = Bit<58>;
  using DS = Bit<59>;
  using MTX0 = Bit<60>;
  using MTX1 = Bit<61>;

  constexpr explicit Tcr(u64 raw) : raw_(raw) {}

  /// The value for `layout` on a CPU with these features. Zero on purpose: EPD0 and EPD1 (both
  /// halves are walked), A1 (the ASID comes with the user root, in TTBR0), TBI0 and TBI1 (all 64
  /// bits are the address; with_tbi0() for a demonstration), HA and HD (software sets AF, so the
  /// tables say what software knows), E0PD1 (a touch of the kernel half from EL0 shall be a
  /// permission fault, which tells more than a missing translation), DS (48-bit descriptors) and
  /// all others.
  static constexpr Tcr for_layout(const Layout& layout, IdAa64Mmfr0 id) {
    static_assert(kPageSize == 4_KiB, "TG0 and TG1 below");
    constexpr WalkCacheability kCached = WalkCacheability::write_back_allocate;
    return Tcr(T0SZ::encode(64 - layout.user_bits) | IRGN0::encode(kCached) |
               ORGN0::encode(kCached) | SH0::encode(Shareability::inner) | TG0::encode(Tg0::k4) |
               T1SZ::encode(64 - layout.kernel_bits) | IRGN1::encode(kCached) |
               ORGN1::encode(kCached) | SH1::encode(Shareability::inner) | TG1::encode(Tg1::k4) |
               IPS::encode(output_size_for(id)) | AS::encode(id.asid_bits() == 16));
  }

  constexpr u64 raw() const { return raw_; }
  constexpr Tcr with_tbi0(bool ignore_top_byte) const {
    return Tcr(TBI0::replace(raw_, ignore_top_byte));
  }

  constexpr unsigned user_bits() const { return 64 - static_cast<unsigned>(T0SZ::decode(raw_)); }
  constexpr unsigned kernel_bits() const { return 64 - static_cast<unsigned>(T1SZ::decode(raw_)); }
  /// The granule of `half`'s tables; nothing for an encoding that stands for none.
  constexpr std::optional<Granule> granule(Half half) const {
    return half == Half::low ? granule_of(TG0::decode(raw_)) : granule_of(TG1::decode(raw_));
  }
  constexpr TopByte top_byte(Half half) const {
    const bool ignored = half == Half::low ? TBI0::is_set(raw_) : TBI1::is_set(raw_);
    return ignored ? TopByte::ignored : TopByte::checked;
  }
  /// The shape of `half` under this register. CHECKs that it is one Geometry can have.
  constexpr Geometry geometry(Half half) const {
    return Geometry(half, half == Half::low ? user_bits() : kernel_bits(), top_byte(half));
  }

  void describe(Writer& out) const;

 private:
  static constexpr std::optional<Granule> granule_of(Tg0 tg0) {
    if (tg0 == Tg0::k4) return Granule::k4;
    if (tg0 == Tg0::k16) return Granule::k16;
    if (tg0 == Tg0::k64) return Granule::k64;
    return std::nullopt;
  }
  static constexpr std::optional<Granule> granule_of(Tg1 tg1) {
    if (tg1 == Tg1::k4) return Granule::k4;
    if (tg1 == Tg1::k16) return Granule::k16;
    if (tg1 == Tg1::k64) return Granule::k64;
    return std::nullopt;
  }
  void describe_walks(Writer& out) const;
  void describe_features(Writer& out) const;

  u64 raw_;
};

}  // namespace meridian::arch
