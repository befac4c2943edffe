// SPDX-License-Identifier: MIT
/// PSCI, the firmware's power control (Arm DEN 0022): function numbers are the standard's since
/// version 0.2, the way to call it is in the device tree.
#pragma once

#include "kernel/lib/result.h"
#include "mm/address.h"

namespace meridian::arch {

/// CPU_ON: the CPU with this affinity starts at `entry` with `context` in x0. Errc::unsupported
/// without PSCI; Errc::failed with PSCI's error, made positive.
Result<void> psci_cpu_on(u64 affinity, PhysAddr entry, u64 context);

}  // namespace meridian::arch
