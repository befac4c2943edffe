// SPDX-License-Identifier: MIT
/// Register offsets of the GIC's distributor, which both versions share (GIC Architecture
/// Specification, IHI 0048 for version 2 and IHI 0069 for version 3). Arrays: one bit, byte or word
/// an INTID.
#pragma once

#include "kernel/lib/bits.h"

namespace meridian::arch::gicd {

inline constexpr u64 kCtlr = 0x0000;
inline constexpr u64 kTyper = 0x0004;
inline constexpr u64 kIgroupr = 0x0080;     // bit
inline constexpr u64 kIsenabler = 0x0100;   // bit
inline constexpr u64 kIcenabler = 0x0180;   // bit
inline constexpr u64 kIpriorityr = 0x0400;  // byte
inline constexpr u64 kItargetsr = 0x0800;   // byte, version 2
inline constexpr u64 kSgir = 0x0f00;        // version 2
inline constexpr u64 kIrouter = 0x6000;     // 8 bytes, version 3

using TyperItLines = Field<4, 0, u32>;  // 32 * (n + 1) INTIDs

/// The register of an array of bits that holds `intid`, and the bit in it.
constexpr u64 bit_register(u64 array, u32 intid) { return array + intid / 32 * 4; }
constexpr u32 bit_of(u32 intid) { return u32{1} << intid % 32; }

}  // namespace meridian::arch::gicd
