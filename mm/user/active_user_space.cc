// SPDX-License-Identifier: MIT
#include "mm/user/active_user_space.h"

#include <arch/irq.h>

#include <array>

namespace meridian {
namespace {

constinit std::array<std::atomic<UserSpace*>, arch::kMaxCpus> active{};

/// Interrupts are masked: number, table and CPU belong together.
void switch_to(UserSpace& space) {
  const unsigned cpu = arch::cpu_index();
  const u16 asid = asid_allocator().activate(space.asid(), cpu, arch::flush_own_tlb);
  arch::set_user_root({space.root(), asid});
  active[cpu].store(&space, std::memory_order_relaxed);
}

}  // namespace

UserSpace* active_user_space() {
  arch::IrqGuard guard;  // the slot is this CPU's: do not move in between
  return active[arch::cpu_index()].load(std::memory_order_relaxed);
}

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
  arch::set_user_root(previous_root_);
  active[arch::cpu_index()].store(nullptr, std::memory_order_relaxed);
}

}  // namespace meridian
