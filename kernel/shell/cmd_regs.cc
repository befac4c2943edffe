// SPDX-License-Identifier: MIT
/// regs, esr: registers in words.
#include <arch/registers.h>
#include <arch/trap.h>

#include "kernel/shell/command.h"

namespace meridian {
namespace {

Result<void> cmd_regs(Writer& out, Args& args) {
  TRY(args.end());
  arch::describe_registers(out);
  return {};
}
SHELL_COMMAND("regs", "regs", "the registers that govern translation, field by field", cmd_regs,
              CommandGroup::address_space);

Result<void> cmd_esr(Writer& out, Args& args) {
  const u64 value = TRY(args.number("VALUE"));
  TRY(args.end());
  arch::describe_esr(out, value);
  out.put('\n');
  return {};
}
SHELL_COMMAND("esr", "esr VALUE", "what an exception syndrome (ESR_EL1) says", cmd_esr,
              CommandGroup::access);

}  // namespace
}  // namespace meridian
