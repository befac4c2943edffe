// SPDX-License-Identifier: MIT
/// CPACR_EL1.FPEN: who may use FP and SIMD registers.
#pragma once

#include "kernel/lib/bits.h"
#include "kernel/lib/types.h"

namespace meridian::arch {

enum class FpTrap : u8 { both_levels = 0b00, none = 0b11 };
using FPEN = Field<21, 20, FpTrap>;

constexpr bool fp_is_open(u64 cpacr) { return FPEN::decode(cpacr) == FpTrap::none; }

}  // namespace meridian::arch
