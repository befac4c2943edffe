// SPDX-License-Identifier: MIT
#include <arch/user.h>

#include "arch/aarch64/cpu/fp_trap.h"
#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/check.h"

namespace meridian::arch {

extern "C" void clear_fpsimd();

namespace {

void set_fp_trap(FpTrap trap) {
  hw::write_cpacr_el1(FPEN::replace(hw::read_cpacr_el1(), trap));
  hw::isb();  // before the next FP instruction
}

}  // namespace

u64 enter_user(UserContext& context) {
  using DAIF = Field<9, 6>;
  CHECK(context.frame.from_user() && DAIF::decode(context.frame.spsr) == 0);
  set_fp_trap(FpTrap::none);
  clear_fpsimd();
  const u64 end = enter_user_at(&context);
  set_fp_trap(FpTrap::both_levels);
  return end;
}

void leave_user(UserContext& context, u64 end) { leave_user_at(&context, end); }

}  // namespace meridian::arch
