// SPDX-License-Identifier: MIT
/// The layout of the frame that a signal handler runs on.
#pragma once

#include "arch/aarch64/abi/signal_frame.h"
