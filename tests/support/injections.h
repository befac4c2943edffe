// SPDX-License-Identifier: MIT
/// Counts the allocations that the tests made to fail: one number for each interface and the sum
/// are printed at the end of the run ("injected failures: N").
#pragma once

#include "kernel/lib/types.h"

namespace meridian {

/// `count` allocations more were refused to the code behind `interface`.
void count_injections(const char* interface, u64 count = 1);

}  // namespace meridian
