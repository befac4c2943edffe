// SPDX-License-Identifier: MIT
/// Interrupts of this CPU (PSTATE.I).
#pragma once

#include "arch/aarch64/hw/sysreg.h"
#include "kernel/lib/types.h"

namespace meridian::arch {

/// Masks interrupts from construction to destruction; nests.
class [[nodiscard]] IrqGuard {
 public:
  IrqGuard() : saved_(hw::read_daif()) { hw::mask_irqs(); }
  ~IrqGuard() { hw::write_daif(saved_); }
  IrqGuard(const IrqGuard&) = delete;
  IrqGuard& operator=(const IrqGuard&) = delete;

 private:
  u64 saved_;
};

inline bool irqs_masked() { return (hw::read_daif() & hw::kDaifIrq) != 0; }

}  // namespace meridian::arch
