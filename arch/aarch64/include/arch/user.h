// SPDX-License-Identifier: MIT
/// The way to EL0 and back. Running a program is a function call: enter_user() returns when the
/// kernel, somewhere below a system call or a fault, calls leave_user().
///
/// FP and SIMD registers belong to the program that runs: the kernel is built without them, so
/// nothing saves them while there is one program at a time. CPACR_EL1.FPEN has no setting that
/// gives them to EL0 and keeps them from EL1, so while a program runs they are open to both; that
/// no kernel code touches them is checked in the ELF file (tests/check_elf.py), and without a
/// program they trap.
#pragma once

#include <arch/trap.h>

#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian::arch {

/// A program on its way into EL0, and the place in the kernel that waits for its end.
struct UserContext {
  TrapFrame frame{};  // what EL0 starts with
  u64 kernel_sp = 0;  // enter_user's own

  /// A program that starts at `pc` with its stack at `sp` and all other registers 0.
  static UserContext starting_at(UserAddr pc, UserAddr sp) {
    UserContext context;
    context.frame.elr = pc.value();
    context.frame.sp = sp.value();
    return context;  // spsr 0: EL0, AArch64, interrupts on
  }
};

extern "C" {  // cpu/user_entry.S: what the two functions below are made of
u64 enter_user_at(UserContext* context);
[[noreturn]] void leave_user_at(UserContext* context, u64 end);
}

/// Goes to EL0; returns what leave_user() is given, with interrupts masked or not as they were.
/// TTBR0 must be the program's. FP and SIMD registers start at 0, so that nothing of an earlier
/// program shows, and trap again afterwards. CHECKs that the frame is EL0's.
u64 enter_user(UserContext& context);

/// Returns `end` from the enter_user() of `context`, on this CPU's stack. No object below it may
/// still need its destructor.
[[noreturn]] void leave_user(UserContext& context, u64 end);

}  // namespace meridian::arch
