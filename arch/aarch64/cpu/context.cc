// SPDX-License-Identifier: MIT
#include <arch/context.h>
#include <arch/paging.h>

#include "arch/aarch64/boot/boot.h"
#include "arch/aarch64/cpu/fp_trap.h"
#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "mm/address.h"

namespace meridian::arch {
namespace {

extern "C" {
void switch_stacks(ThreadContext* from, ThreadContext* to);
void thread_start();
void save_fpsimd(FpRegisters* registers);
void load_fpsimd(const FpRegisters* registers);
}

/// What switch_stacks() takes off a stack.
struct SwitchFrame {
  u64 x19_to_x28[10];
  u64 x29, x30;
};
static_assert(sizeof(SwitchFrame) == 96);

void save_program_registers(ThreadContext& context) {
  context.ttbr0 = hw::read_ttbr0_el1();
  context.tpidr_el0 = hw::read_tpidr_el0();
  context.tpidrro_el0 = hw::read_tpidrro_el0();
  context.cpacr = hw::read_cpacr_el1();
  if (fp_is_open(context.cpacr)) save_fpsimd(&context.fp);
}

void load_program_registers(const ThreadContext& from, const ThreadContext& to) {
  if (to.ttbr0 != from.ttbr0) hw::write_ttbr0_el1(to.ttbr0);
  hw::write_tpidr_el0(to.tpidr_el0);
  hw::write_tpidrro_el0(to.tpidrro_el0);
  if (to.cpacr != from.cpacr) hw::write_cpacr_el1(to.cpacr);
  hw::isb();  // before an access to the new half, or an FP instruction
  if (fp_is_open(to.cpacr)) load_fpsimd(&to.fp);
}

}  // namespace

void prepare_context(ThreadContext& context, VirtRange stack, void (*start)(void*),
                     void* argument) {
  SwitchFrame* const frame = reinterpret_cast<SwitchFrame*>(stack.end().value()) - 1;
  *frame = {.x19_to_x28 = {reinterpret_cast<u64>(start), reinterpret_cast<u64>(argument)},
            .x29 = 0,
            .x30 = reinterpret_cast<u64>(thread_start)};
  context.sp = reinterpret_cast<u64>(frame);
  context.ttbr0 = mmu_setup.empty_root;
}

UserRoot empty_user_root() {
  const Ttbr ttbr(mmu_setup.empty_root);
  return {ttbr.root(), ttbr.asid()};
}

void switch_context(ThreadContext& from, ThreadContext& to) {
  save_program_registers(from);
  load_program_registers(from, to);
  switch_stacks(&from, &to);
}

}  // namespace meridian::arch
