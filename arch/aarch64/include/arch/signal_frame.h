// SPDX-License-Identifier: MIT
/// The layout of the frame that a signal handler runs on, and the registers in it as an exception left
/// them.
#pragma once

#include <arch/trap.h>

#include <algorithm>

#include "arch/aarch64/abi/signal_frame.h"

namespace meridian::arch {

inline UserRegisters registers_of(const TrapFrame& frame) {
  UserRegisters registers{.x = {}, .sp = frame.sp, .pc = frame.elr, .pstate = frame.spsr};
  std::copy_n(frame.x, registers.x.size(), registers.x.begin());
  return registers;
}

/// The program goes on with `registers`, whose pstate is checked_pstate()'s.
inline void set_registers(TrapFrame& frame, const UserRegisters& registers) {
  std::copy_n(registers.x.begin(), registers.x.size(), frame.x);
  frame.sp = registers.sp;
  frame.elr = registers.pc;
  frame.spsr = registers.pstate;
}

}  // namespace meridian::arch
