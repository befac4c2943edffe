// SPDX-License-Identifier: MIT
/// The translation granule: the one compile-time parameter of page and table size. Every shift, mask
/// and entry count in the tree is derived from it.
#pragma once

#include "kernel/lib/types.h"

namespace meridian {

inline constexpr unsigned kPageShift = 12;
inline constexpr u64 kPageSize = u64{1} << kPageShift;

}  // namespace meridian
