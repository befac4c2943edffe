// SPDX-License-Identifier: MIT
/// Where vectors.S leads: each exception goes to the one who can deal with it, or to its report.
#include <arch/cpu.h>
#include <arch/interrupts.h>
#include <arch/translate.h>
#include <arch/trap.h>

#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "arch/aarch64/trap/ex_table.h"
#include "arch/aarch64/trap/user_probe.h"
#include "kernel/entry.h"

namespace meridian::arch {
namespace {

/// Room for one report: a frame, the report's own calls, and a fault or two that its probes catch.
constexpr u64 kOverflowStackSize = 8_KiB;

/// It begins where kernel stacks do, in the upper half of its block, for the overflow test of
/// exceptions that the report itself takes. Nobody reads it before writing it.
alignas(2 * kKernelStackSize)
    [[gnu::section(".noinit")]] u8 boot_overflow_stack[kKernelStackSize + kOverflowStackSize];

/// Sixteen doors: what comes from where.
constexpr const char* kDoors[] = {
    "synchronous exception at EL1 with SP_EL0",
    "IRQ at EL1 with SP_EL0",
    "FIQ at EL1 with SP_EL0",
    "SError at EL1 with SP_EL0",
    "synchronous exception at EL1",
    "IRQ at EL1",
    "FIQ at EL1",
    "SError at EL1",
    "synchronous exception at EL0",
    "IRQ at EL0",
    "FIQ at EL0",
    "SError at EL0",
    "synchronous exception in AArch32",
    "IRQ in AArch32",
    "FIQ in AArch32",
    "SError in AArch32",
};

/// Did the kernel fault where something is mapped? A CPU without FEAT_ETS2 may have walked for an
/// access before it loaded what told it that the address is mapped now, by another CPU
/// (tests/litmus/publish-to-others.litmus). The same access, made again, goes through.
bool is_spurious(const Fault& fault) {
  if (fault.kind() != FaultKind::translation || !fault.has_address()) return false;
  return half_of(fault.address()) == Half::high &&
         ask_mmu(fault.address(), Access::read, El::el1).ok;
}

[[noreturn, gnu::noinline]] void end_probe(const TrapFrame& frame) {
  end_user_probe(Fault::of(frame));
}

}  // namespace

extern "C" {

extern const char trap_vectors[] [[gnu::visibility("hidden")]];

/// Where stack_overflow in vectors.S finds the stack for its report, by the CPU's index. Another
/// CPU's entry is written before it starts.
[[gnu::visibility("hidden")]] constinit u8* overflow_stack_tops[kMaxCpus] = {
    boot_overflow_stack + sizeof boot_overflow_stack};

void trap_el0_fault(TrapFrame* frame) {
  if (frame->irqs_masked()) [[unlikely]]  // no program runs so, only a probe
    end_probe(*frame);
  handle_user_fault(*frame);
}

void trap_irq(TrapFrame* frame) {
  handle_irqs();
  after_interrupt();
  if (frame->from_user()) before_user(*frame);
}

/// A fault of the kernel's own: expected where the exception table says so. One of a copy to or from
/// a program may first be turned into memory; no other, since what the kernel may not do with its
/// own rights would only fault again.
void trap_el1_sync(TrapFrame* frame) {
  const Fault fault = Fault::of(*frame);
  if (is_spurious(fault)) return;
  const ExEntry* entry = find_ex_entry(*frame);
  const bool may_be_resolved = entry != nullptr && entry->kind == ExKind::user_copy;
  if (may_be_resolved && fault.syndrome().is_abort() && handle_kernel_fault(*frame, fault)) return;
  if (entry != nullptr) return go_to_fixup(*frame, *entry);
  handle_fatal_fault(*frame, fault, "fault in the kernel");
}

void trap_unexpected(TrapFrame* frame, u64 door) {
  handle_fatal_fault(*frame, Fault::of(*frame), kDoors[door]);
}

void trap_stack_overflow(TrapFrame* frame) {
  handle_fatal_fault(*frame, Fault::of(*frame), "kernel stack overflow");
}

}  // extern "C"

void install_vectors() {
  hw::write_vbar_el1(reinterpret_cast<u64>(trap_vectors));
  hw::isb();  // the next exception is ours
  // An asynchronous error is reported when it comes, not kept pending for ever.
  hw::write_daif(hw::read_daif() & ~hw::kDaifSError);
}

void set_overflow_stack(unsigned cpu, VirtAddr top) {
  overflow_stack_tops[cpu] = reinterpret_cast<u8*>(top.value());
}

}  // namespace meridian::arch
