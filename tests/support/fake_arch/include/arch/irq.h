// SPDX-License-Identifier: MIT
/// <arch/irq.h> on the host: counts how deeply interrupts are masked, so that tests can ask.
#pragma once

namespace meridian::arch {

inline thread_local int fake_irq_depth = 0;

/// The depth before.
using IrqState = int;

[[nodiscard]] inline IrqState mask_irqs() { return fake_irq_depth++; }
inline void restore_irqs(IrqState saved) { fake_irq_depth = saved; }

class [[nodiscard]] IrqGuard {
 public:
  IrqGuard() : saved_(mask_irqs()) {}
  ~IrqGuard() { restore_irqs(saved_); }
  IrqGuard(const IrqGuard&) = delete;
  IrqGuard& operator=(const IrqGuard&) = delete;

 private:
  IrqState saved_;
};

inline bool irqs_masked() { return fake_irq_depth > 0; }

}  // namespace meridian::arch
