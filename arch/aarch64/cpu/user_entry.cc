// SPDX-License-Identifier: MIT
#include <arch/user.h>

#include "arch/aarch64/cpu/fp_trap.h"
#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/check.h"

namespace meridian::arch {

extern "C" {
void clear_fpsimd();
void save_fpsimd(FpRegisters* registers);
void load_fpsimd(const FpRegisters* registers);
[[noreturn]] void go_to_user_at(TrapFrame* frame);
}

void open_to_user(ThreadContext& context) {
  context.cpacr = FPEN::replace(hw::read_cpacr_el1(), FpTrap::none);
}

void copy_user_registers(ThreadContext& context) {
  context.tpidr_el0 = hw::read_tpidr_el0();
  context.cpacr = hw::read_cpacr_el1();
  save_fpsimd(&context.fp);
}

void clear_user_registers() {
  hw::write_tpidr_el0(0);
  clear_fpsimd();
}

void read_fp_registers(FpRegisters& registers) { save_fpsimd(&registers); }
void write_fp_registers(const FpRegisters& registers) { load_fpsimd(&registers); }

void go_to_user(TrapFrame& frame) {
  using DAIF = Field<9, 6>;
  CHECK(frame.from_user() && DAIF::decode(frame.spsr) == 0);
  go_to_user_at(&frame);
}

}  // namespace meridian::arch
