// SPDX-License-Identifier: MIT
/// For tests that count what programs leave behind.
#pragma once

#include "kernel/lib/types.h"

namespace meridian {

/// Waits until no process is left and nothing waits to be freed; returns how many frames are free then. With
/// several CPUs the slabs' frames count as free: which of them hold the few objects that other CPUs keep
/// for themselves differs from run to run.
u64 settled_free_frames();

}  // namespace meridian
