// SPDX-License-Identifier: MIT
/// What resolving faults shares with the operations that prepare pages.
#pragma once

#include "mm/frame.h"

namespace meridian {

/// What was written to `frame` will be executed.
void sync_frame(Frame frame);

}  // namespace meridian
