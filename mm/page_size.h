// SPDX-License-Identifier: MIT
/// The translation granule: the one compile-time parameter of page and table size. Every shift, mask
/// and entry count in the tree is derived from it.
#pragma once

#include "kernel/lib/types.h"

namespace meridian {

inline constexpr unsigned kPageShift = 12;
inline constexpr u64 kPageSize = u64{1} << kPageShift;

/// The size of every kernel stack. A stack is the upper half of an aligned block of twice that, and
/// nothing is mapped in the lower half: an SP that ran over the end has the bit `kKernelStackSize`
/// clear, and points into unmapped pages. The exception vectors test that bit.
inline constexpr u64 kKernelStackSize = 16_KiB;

}  // namespace meridian
