// SPDX-License-Identifier: MIT
#include <arch/user.h>

#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/check.h"

namespace meridian::arch {

extern "C" {
u64 enter_user_at(UserContext* context);
[[noreturn]] void leave_user_at(UserContext* context, u64 end);
void clear_fpsimd();
}

namespace {

using FPEN = Field<21, 20>;        // CPACR_EL1
constexpr u64 kFpenNoTrap = 3;
using EL0PCTEN = Bit<0>;           // CNTKCTL_EL1
using EL0VCTEN = Bit<1>;

}  // namespace

void allow_user() {
  hw::write_cpacr_el1(FPEN::replace(hw::read_cpacr_el1(), kFpenNoTrap));
  hw::write_cntkctl_el1(hw::read_cntkctl_el1() | EL0PCTEN::kSet | EL0VCTEN::kSet);
  hw::isb();  // before the first FP instruction
}

u64 enter_user(UserContext& context) {
  using DAIF = Field<9, 6>;
  CHECK(context.frame.from_user() && DAIF::decode(context.frame.spsr) == 0);
  clear_fpsimd();
  return enter_user_at(&context);
}

void leave_user(UserContext& context, u64 end) { leave_user_at(&context, end); }

}  // namespace meridian::arch
