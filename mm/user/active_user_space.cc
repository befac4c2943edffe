// SPDX-License-Identifier: MIT
#include "mm/user/active_user_space.h"

#include <arch/cpu.h>
#include <arch/irq.h>

namespace meridian {
namespace {

arch::UserRoot root_on(UserSpace& space, usize cpu) {
  const u16 asid = asid_allocator().activate(space.asid(), cpu, arch::flush_own_tlb);
  return {space.root(), asid};
}

/// Interrupts are masked: CPU, number and table belong together.
void switch_to(UserSpace& space) {
  arch::current_context().user_space = &space;
  arch::set_user_root(root_on(space, arch::cpu_index()));
}

}  // namespace

ActiveUserSpace::ActiveUserSpace(UserSpace& space)
    : previous_(active_user_space()), previous_root_(arch::user_root()) {
  arch::IrqGuard guard;
  switch_to(space);
}

ActiveUserSpace::~ActiveUserSpace() {
  arch::IrqGuard guard;
  if (previous_ != nullptr) {
    switch_to(*previous_);
    return;
  }
  arch::current_context().user_space = nullptr;
  arch::set_user_root(previous_root_);
}

void use_user_space(UserSpace* space) {
  arch::IrqGuard guard;
  if (space != nullptr) return switch_to(*space);
  arch::current_context().user_space = nullptr;
  arch::set_user_root(arch::empty_user_root());
}

void renew_user_half(arch::ThreadContext& next, unsigned cpu) {
  if (next.user_space != nullptr) next.ttbr0 = arch::ttbr0_of(root_on(*next.user_space, cpu));
}

}  // namespace meridian
