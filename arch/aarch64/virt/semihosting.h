// SPDX-License-Identifier: MIT
/// Semihosting: a trap that a debugger or QEMU answers (Arm, "Semihosting for AArch32 and
/// AArch64"). Without one the trap is an undefined instruction, and the call returns ~0 like any
/// that fails.
#pragma once

#include "kernel/lib/types.h"

namespace meridian::arch {

inline constexpr u64 kSemihostingWrite0 = 0x04;        // argument: zero-terminated text
inline constexpr u64 kSemihostingExitExtended = 0x20;  // argument: {reason, exit status}
inline constexpr u64 kSemihostingStoppedByApplication = 0x2'0026;

extern "C" {
u64 semihosting_call(u64 operation, u64 argument);
extern char semihosting_trap[] [[gnu::visibility("hidden")]];  // the trapping instruction in it
}

}  // namespace meridian::arch
