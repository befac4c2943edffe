// SPDX-License-Identifier: MIT
/// The way to EL0. A thread that goes there for good does so once (go_to_user); from then on it is in
/// the kernel only inside an exception, whose frame it leaves by. A probe goes there and comes back,
/// as a function call.
///
/// FP and SIMD registers belong to the program: the kernel is built without them, and a switch of
/// threads saves and loads them with the rest. CPACR_EL1.FPEN has no setting that gives them to EL0
/// and keeps them from EL1, so while a program's thread runs they are open to both; that no kernel
/// code touches them is checked in the ELF file (tests/check_elf.py), and without a program they
/// trap.
#pragma once

#include <arch/context.h>
#include <arch/trap.h>

#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian::arch {

/// What a program starts with: at `pc`, its stack at `sp`, all other registers 0.
inline TrapFrame user_frame(UserAddr pc, UserAddr sp) {
  TrapFrame frame{};  // spsr 0: EL0, AArch64, interrupts on
  frame.elr = pc.value();
  frame.sp = sp.value();
  return frame;
}

/// The program makes the system call again that it is about to return from, whose first argument was
/// `x0`: the others are still where they were.
inline void repeat_syscall(TrapFrame& frame, u64 x0) {
  constexpr u64 kSvcSize = 4;
  frame.elr -= kSvcSize;
  frame.x[0] = x0;
}

/// `context` has not run yet. Its FP and SIMD registers are open to it, and 0, as its thread pointer
/// is.
void open_to_user(ThreadContext& context);
/// The same with what the calling program has in these registers now (fork).
void copy_user_registers(ThreadContext& context);
/// They are 0 now for the calling program (exec).
void clear_user_registers();
/// The calling program's FP and SIMD registers, out of the CPU and into it (signal frames).
void read_fp_registers(FpRegisters& registers);
void write_fp_registers(const FpRegisters& registers);

/// Leaves for EL0 as `frame` says, which lies on the caller's kernel stack: exceptions from EL0 use
/// the stack from its upper end down. CHECKs that it is EL0's. Everything below it is forgotten.
[[noreturn]] void go_to_user(TrapFrame& frame);

/// A trip to EL0 and back.
struct UserContext {
  TrapFrame frame{};  // what EL0 starts with
  u64 kernel_sp = 0;  // enter_user_at's own
};
extern "C" {  // cpu/user_entry.S
/// Goes to EL0; returns what leave_user_at() is given.
u64 enter_user_at(UserContext* context);
/// Returns `end` from the enter_user_at() of `context`, on this CPU's stack. No object below it may
/// still need its destructor.
[[noreturn]] void leave_user_at(UserContext* context, u64 end);
}

}  // namespace meridian::arch
