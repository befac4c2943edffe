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

[[gnu::noinline]] FaultOutcome resolve_with_relief(UserSpace& space, UserAddr va,
                                                   UserAccess access) {
  FaultOutcome outcome = FaultOutcome::out_of_memory;
  while (outcome == FaultOutcome::out_of_memory && relieve_memory())
    outcome = space.resolve(va, access);
  return outcome;
}

[[gnu::always_inline]] inline FaultOutcome resolve(const arch::Fault& fault) {
  UserSpace* const space = active_user_space();
  if (space == nullptr || !fault.is_about_tables()) [[unlikely]]
    return FaultOutcome::not_mapped;
  const UserAddr va(fault.address().value());
  const UserAccess access = access_of(fault);
  const FaultOutcome outcome = space->resolve(va, access);
  if (outcome != FaultOutcome::out_of_memory) [[likely]]
    return outcome;
  return resolve_with_relief(*space, va, access);
}

/// Does not return if that ends the program.
[[gnu::noinline]] void act_on(FaultOutcome outcome, arch::TrapFrame& frame) {
  if (outcome == FaultOutcome::out_of_memory) exit_process(ProcessEnd::killed(kSigkill));
  const arch::Fault fault = arch::Fault::of(frame);
  force_signal(Process::current(), signal_of(fault, outcome), frame, fault);
}

}  // namespace

void handle_user_fault(arch::TrapFrame& frame) {
  arch::unmask_interrupts();
  const FaultOutcome outcome = resolve(arch::Fault::of(frame));
  if (outcome != FaultOutcome::resolved) [[unlikely]]
    act_on(outcome, frame);
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
