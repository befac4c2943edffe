// SPDX-License-Identifier: MIT
/// What happens when a program does what it may not: it is killed, with a report.
#include <arch/trap.h>

#include "kernel/console/console.h"
#include "kernel/entry.h"
#include "kernel/proc/program.h"

namespace meridian {

void handle_user_fault(arch::TrapFrame& frame, const arch::Fault& fault) {
  Program* program = current_program();
  CHECK(program != nullptr);
  if (program->on_fault() == Program::OnFault::report) {
    print(console(), "{}: {}\n", program->name(), fault);
    arch::report_fault(console(), frame, fault);
  }
  program->kill(fault);
}

/// A program's memory is all there from its start, so there is nothing to provide later.
bool handle_kernel_fault(arch::TrapFrame&, const arch::Fault&) { return false; }

}  // namespace meridian
