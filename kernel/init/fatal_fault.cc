// SPDX-License-Identifier: MIT
/// The end of a kernel that took an exception it cannot survive: the report, then power off.
#include <arch/cpu.h>
#include <arch/trap.h>

#include "kernel/entry.h"
#include "kernel/init/panic.h"

namespace meridian {

void handle_fatal_fault(const arch::TrapFrame& frame, const arch::Fault& fault, const char* what) {
  Writer& out = panic_begin();
  print(out, "{}: {}\n", what, fault);
  print(out, "  CPU       {}\n", arch::cpu_index());
  arch::report_fault(out, frame, fault);
  panic_power_off();
}

}  // namespace meridian
