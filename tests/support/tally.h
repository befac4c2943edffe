// SPDX-License-Identifier: MIT
/// What the hostile tests did, counted: how many allocations they made to fail and how many bad
/// inputs they gave, one number for each interface and the two sums, printed at the end of the run.
#pragma once

#include "kernel/lib/types.h"

namespace meridian {

/// `count` allocations more were refused to the code behind `interface`.
void count_injections(const char* interface, u64 count = 1);

/// One more bad input was given to an interface named `interface`.
void count_bad_input(const char* interface);

}  // namespace meridian
