// SPDX-License-Identifier: MIT
/// What happens when a program touches what is not there: it gets its page, or it is killed, with a
/// report, for what it may not do.
#include <arch/trap.h>

#include "kernel/console/console.h"
#include "kernel/entry.h"
#include "kernel/proc/program.h"
#include "mm/user/active_user_space.h"

namespace meridian {
namespace {

UserAccess access_of(const arch::Fault& fault) {
  switch (fault.access()) {
    case arch::FaultAccess::read:
      return UserAccess::read;
    case arch::FaultAccess::write:
      return UserAccess::write;
    case arch::FaultAccess::execute:
      return UserAccess::execute;
  }
  UNREACHABLE();
}

/// Could it be that the tables just do not say yet what the program may do?
bool is_about_tables(const arch::Fault& fault) {
  if (!fault.syndrome().is_abort() || !fault.has_address()) return false;
  switch (fault.kind()) {
    case arch::FaultKind::translation:
    case arch::FaultKind::access_flag:
    case arch::FaultKind::permission:
      return true;
    case arch::FaultKind::alignment:
    case arch::FaultKind::external:
    case arch::FaultKind::other:
      return false;
  }
  UNREACHABLE();
}

/// True if the access can be tried again.
bool resolve(const arch::Fault& fault) {
  UserSpace* const space = active_user_space();
  if (space == nullptr || !is_about_tables(fault)) return false;
  const UserAddr va(fault.address().value());
  return space->resolve(va, access_of(fault)) == FaultOutcome::resolved;
}

}  // namespace

void handle_user_fault(arch::TrapFrame& frame, const arch::Fault& fault) {
  if (resolve(fault)) return;
  Program* program = current_program();
  CHECK(program != nullptr);
  if (program->on_fault() == Program::OnFault::report) {
    print(console(), "{}: {}\n", program->name(), fault);
    arch::report_fault(console(), frame, fault);
  }
  program->kill(fault);
}

bool handle_kernel_fault(arch::TrapFrame&, const arch::Fault& fault) { return resolve(fault); }

}  // namespace meridian
