// SPDX-License-Identifier: MIT
/// What the CPU keeps of a thread that does not run, and the switch from one to another. TPIDR_EL1
/// holds the address of the running thread's ThreadContext: one instruction tells a thread who it
/// is, and none can be interrupted halfway.
#pragma once

#include "arch/aarch64/hw/sysreg.h"
#include "kernel/lib/types.h"
#include "mm/range.h"

namespace meridian {
class UserSpace;
}

namespace meridian::arch {

/// A program's FP and SIMD registers.
struct alignas(16) FpRegisters {
  u64 v[64];
  u64 fpcr, fpsr;
};

/// The general registers of a thread that does not run are on its stack.
struct ThreadContext {
  u64 cpu = 0;  // the index of the CPU it runs on, or ran on last; a word, as it indexes arrays
  u64 sp = 0;
  u64 ttbr0 = 0;                       // its program's half; the empty root for most
  UserSpace* user_space = nullptr;     // whose half that is; null: one without VMAs, or the empty
  u64 tpidr_el0 = 0, tpidrro_el0 = 0;  // the program's
  u64 cpacr = 0;                       // are FP and SIMD open to its program?
  FpRegisters fp{};                    // meaningful if they are
};

inline ThreadContext& current_context() {
  return *reinterpret_cast<ThreadContext*>(hw::read_tpidr_el1());
}
/// The code that runs is this thread from now on.
inline void set_current_context(ThreadContext& context) {
  hw::write_tpidr_el1(reinterpret_cast<u64>(&context));
}

/// The first switch to `context` calls start(argument) at the upper end of `stack`, interrupts
/// masked; it never returns.
void prepare_context(ThreadContext& context, VirtRange stack, void (*start)(void*), void* argument);

/// Goes on with `to`, on this CPU. Returns when somebody switches back to `from`, maybe on another.
/// Interrupts are masked. TTBR0 is part of a thread, so each finds its own half again.
void switch_context(ThreadContext& from, ThreadContext& to);

}  // namespace meridian::arch
