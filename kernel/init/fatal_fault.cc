// SPDX-License-Identifier: MIT
/// The end of a kernel that took an exception it cannot survive: the report, then power off.
#include <arch/trap.h>

#include "kernel/entry.h"
#include "kernel/init/panic.h"

namespace meridian {

void handle_fatal_fault(const arch::TrapFrame& frame, const arch::Fault& fault, const char* what) {
  Writer& out = panic_begin();
  print(out, "{}: {}\n", what, fault);
  arch::report_fault(out, frame, fault);
  panic_power_off();
}

// Without programs: none of these can happen, or be helped.
[[gnu::weak]] void handle_syscall(arch::TrapFrame& frame) {
  handle_fatal_fault(frame, {}, "system call without programs");
}
[[gnu::weak]] void handle_user_fault(arch::TrapFrame& frame, const arch::Fault& fault) {
  handle_fatal_fault(frame, fault, "fault of a program without programs");
}
[[gnu::weak]] bool handle_kernel_fault(arch::TrapFrame&, const arch::Fault&) { return false; }

}  // namespace meridian
