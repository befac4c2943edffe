// SPDX-License-Identifier: MIT
/// poweroff, and what stands for selftest in a kernel without tests.
#include <arch/machine.h>

#include "kernel/shell/command.h"

namespace meridian {
namespace {

Result<void> cmd_poweroff(Writer&, Args& args) {
  const u64 status = args.more() ? TRY(args.number("STATUS", 255)) : 0;
  TRY(args.end());
  arch::power_off(static_cast<int>(status));
}
SHELL_COMMAND("poweroff", "poweroff [STATUS]", "end the machine with an exit status (0)",
              cmd_poweroff, CommandGroup::machine);

#ifndef MERIDIAN_TESTS
Result<void> cmd_selftest(Writer& out, Args&) {
  out.write("selftest: this image has no tests inside; `make selftest` runs the one that has\n");
  return Error{Errc::failed, 1};
}
SHELL_COMMAND("selftest", "selftest [PREFIX]",
              "run the tests inside the kernel (in the test image)", cmd_selftest);
#endif

}  // namespace
}  // namespace meridian
