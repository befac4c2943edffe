// SPDX-License-Identifier: MIT
/// This CPU's translation registers in words.
#include <arch/registers.h>

#include "arch/aarch64/regs/ctr.h"

namespace meridian::arch {

void describe_registers(Writer& out) {
  tcr().describe(out);
  ttbr0().describe(out, "TTBR0_EL1");
  ttbr1().describe(out, "TTBR1_EL1");
  mair().describe(out);
  sctlr().describe(out);
  IdAa64Mmfr0(hw::read_id_aa64mmfr0_el1()).describe(out);
  IdAa64Mmfr1(hw::read_id_aa64mmfr1_el1()).describe(out);
  IdAa64Mmfr2(hw::read_id_aa64mmfr2_el1()).describe(out);
  Ctr(hw::read_ctr_el0()).describe(out);
  Dczid(hw::read_dczid_el0()).describe(out);
}

}  // namespace meridian::arch
