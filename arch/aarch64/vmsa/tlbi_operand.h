// SPDX-License-Identifier: MIT
/// The operands of TLBI instructions (Arm ARM C5.5, "A64 System instructions for TLB maintenance"):
/// a virtual address in units of 4 KiB whatever the granule, an ASID on top, and between them the
/// TTL hint, which must stay zero unless it is true. Pure, so that the bits are tested on the host;
/// the instructions are in hw/tlbi.h.
#pragma once

#include "kernel/lib/bits.h"
#include "kernel/lib/seeded_bugs.h"
#include "mm/address.h"

namespace meridian::arch {

using TlbiVa = Field<43, 0>;    // VA[55:12]
using TlbiTtl = Field<47, 44>;  // 0: the leaf may be of any level
using TlbiAsid = Field<63, 48, u16>;

/// For the forms by address and ASID (VAE1, VALE1).
constexpr u64 tlbi_operand(VirtAddr va, u16 asid) {
  using Page = Field<55, 12>;
  if (seeded(Bug::tlbi_of_wrong_asid)) asid = static_cast<u16>(asid ^ 1);
  if (seeded(Bug::tlbi_address_unshifted)) return TlbiAsid::encode(asid) | va.value() << 20 >> 20;
  u64 ttl = 0;
  if (seeded(Bug::tlbi_with_wrong_level)) ttl = TlbiTtl::encode(0b0101);
  return TlbiAsid::encode(asid) | ttl | TlbiVa::encode(Page::decode(va.value()));
}
/// For the forms by address in every ASID (VAAE1, VAALE1).
constexpr u64 tlbi_operand(VirtAddr va) { return tlbi_operand(va, 0); }
/// For the form by ASID alone (ASIDE1).
constexpr u64 tlbi_operand(u16 asid) { return TlbiAsid::encode(asid); }

// A kernel address: its sign extension goes no further than bit 43.
static_assert(tlbi_operand(VirtAddr(0xffff'8000'0801'2fff)) == 0x0000'0ff8'0000'8012);
static_assert(tlbi_operand(VirtAddr(0x0000'0000'0040'1000), 0xbeef) == 0xbeef'0000'0000'0401);

}  // namespace meridian::arch
