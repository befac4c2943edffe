// SPDX-License-Identifier: MIT
/// TTBRn_EL1 in words.
#include "arch/aarch64/regs/ttbr.h"

#include "arch/aarch64/regs/describe.h"

namespace meridian::arch {

void Ttbr::describe(Writer& out, std::string_view name) const {
  register_line(out, name, raw_);
  bit_line<CnP>(out, "CnP", raw_, "this CPU's own", "the same on all CPUs");
  begin_field<BADDR>(out, "BADDR", raw_);
  print(out, "root table at {}\n", table());
  begin_field<ASID>(out, "ASID", raw_);
  print(out, "ASID {}\n", asid());
}

}  // namespace meridian::arch
