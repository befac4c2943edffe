// SPDX-License-Identifier: MIT
/// Interrupts of this CPU (PSTATE.I).
#pragma once

#include "arch/aarch64/hw/sysreg.h"
#include "kernel/lib/types.h"

namespace meridian::arch {

/// PSTATE's mask bits, as they were.
using IrqState = u64;

/// For what does not end where it began; all else has an IrqGuard.
[[nodiscard]] inline IrqState mask_irqs() {
  const IrqState saved = hw::read_daif();
  hw::mask_irqs();
  return saved;
}
inline void restore_irqs(IrqState saved) { hw::write_daif(saved); }

/// Masks interrupts from construction to destruction; nests.
class [[nodiscard]] IrqGuard {
 public:
  IrqGuard() : saved_(mask_irqs()) {}
  ~IrqGuard() { restore_irqs(saved_); }
  IrqGuard(const IrqGuard&) = delete;
  IrqGuard& operator=(const IrqGuard&) = delete;

 private:
  IrqState saved_;
};

inline bool irqs_masked() { return (hw::read_daif() & hw::kDaifIrq) != 0; }

}  // namespace meridian::arch
