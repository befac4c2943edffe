// SPDX-License-Identifier: MIT
/// The end of a probe that went to EL0: its fault.
#pragma once

#include <arch/trap.h>

namespace meridian::arch {

/// This CPU is at EL0 for a probe: hands it the fault.
[[noreturn]] void end_user_probe(const Fault& fault);

}  // namespace meridian::arch
