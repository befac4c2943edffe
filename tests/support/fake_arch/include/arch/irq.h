// SPDX-License-Identifier: MIT
/// <arch/irq.h> on the host: counts how deeply interrupts are masked, so that tests can ask.
#pragma once

namespace meridian::arch {

inline thread_local int fake_irq_depth = 0;

class [[nodiscard]] IrqGuard {
 public:
  IrqGuard() { ++fake_irq_depth; }
  ~IrqGuard() { --fake_irq_depth; }
  IrqGuard(const IrqGuard&) = delete;
  IrqGuard& operator=(const IrqGuard&) = delete;
};

inline bool irqs_masked() { return fake_irq_depth > 0; }

}  // namespace meridian::arch
