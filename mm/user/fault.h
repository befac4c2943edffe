// SPDX-License-Identifier: MIT
/// What resolving faults shares with the operations that prepare pages.
#pragma once

#include "mm/frame.h"

namespace meridian {

/// What was written to `frame` will be executed: the instruction caches learn of it. (Those who write
/// while it is mapped executable do that themselves, as on Linux.)
void make_executable(Frame frame);

}  // namespace meridian
