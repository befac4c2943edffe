// SPDX-License-Identifier: MIT
/// What happens when a program touches what is not there: it gets its page, or a signal for what it may
/// not do.
#include <arch/interrupts.h>
#include <arch/trap.h>
#include <arch/user.h>

#include "kernel/entry.h"
#include "kernel/proc/exit.h"
#include "kernel/proc/out_of_memory.h"
#include "kernel/proc/signals.h"
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

FaultOutcome resolve(const arch::Fault& fault) {
  UserSpace* const space = active_user_space();
  if (space == nullptr || !fault.is_about_tables()) return FaultOutcome::not_mapped;
  for (;;) {
    const FaultOutcome outcome =
        space->resolve(UserAddr(fault.address().value()), access_of(fault));
    if (outcome != FaultOutcome::out_of_memory || !relieve_memory()) return outcome;
  }
}

}  // namespace

void handle_user_fault(arch::TrapFrame& frame) {
  const arch::Fault fault = arch::Fault::of(frame);
  arch::unmask_interrupts();
  const FaultOutcome outcome = resolve(fault);
  if (outcome == FaultOutcome::out_of_memory) exit_process(ProcessEnd::killed(kSigkill));
  if (outcome != FaultOutcome::resolved)
    force_signal(Process::current(), signal_of(fault, outcome), frame, fault);
  arch::mask_exceptions();
  if (!current_thread().is_interrupted()) [[likely]]
    return;
  act_on_signals(frame, nullptr);
  arch::go_to_user(frame);
}

/// It may sleep; so copies to and from programs are made with interrupts on.
bool handle_kernel_fault(arch::TrapFrame& frame, const arch::Fault& fault) {
  CHECK(!frame.irqs_masked());
  arch::unmask_interrupts();
  const bool resolved = resolve(fault) == FaultOutcome::resolved;
  arch::mask_interrupts();
  return resolved;
}

}  // namespace meridian
