// SPDX-License-Identifier: MIT
/// What both controllers share, and the table of handlers.
#include "arch/aarch64/virt/gic.h"

#include <arch/cpu.h>
#include <arch/interrupts.h>
#include <arch/irq.h>
#include <arch/machine.h>

#include <array>
#include <atomic>

#include "arch/aarch64/hw/mmio.h"
#include "arch/aarch64/virt/gic_registers.h"

namespace meridian::arch {
namespace {

constexpr u32 kMaxIntids = 1020;

constinit InterruptController* controller = nullptr;
constinit std::array<std::atomic<IrqHandler>, kMaxIntids> handlers{};
constinit std::array<IrqCounts, kMaxCpus> counts{};

Result<InterruptController*> start_distributor(const MachineDescription::Gic& gic) {
  switch (gic.version) {
    case 2:
      return start_gic_v2(gic);
    case 3:
      return start_gic_v3(gic);
    default:
      return Error{Errc::not_found};
  }
}

}  // namespace

u32 gic_interrupt_count(u64 distributor) {
  const u32 blocks = gicd::TyperItLines::decode(hw::read32(distributor + gicd::kTyper)) + 1;
  return blocks * 32 < kMaxIntids ? blocks * 32 : kMaxIntids;
}

void gic_mask_spis(u64 distributor, u32 count) {
  for (u32 intid = kFirstSpi; intid < count; intid += 32)
    hw::write32(distributor + gicd::bit_register(gicd::kIcenabler, intid), ~u32{0});
}

Result<void> start_interrupts(const MachineDescription& machine) {
  InterruptController* const started = TRY(start_distributor(machine.gic));
  TRY(started->start_cpu());
  controller = started;
  return {};
}

Result<void> start_own_interrupts() {
  TRY(controller->start_cpu());
  for (u32 intid = 0; intid < kFirstSpi; ++intid)
    if (handlers[intid].load(std::memory_order_acquire) != nullptr) controller->enable(intid);
  return {};
}

void send_ipi(u32 sgi, unsigned cpu) { controller->send(sgi, cpu); }

void send_ipi_to_others(u32 sgi) {
  if (controller != nullptr) controller->send_to_others(sgi);
}

const char* interrupt_controller_name() {
  return controller == nullptr ? "no interrupt controller" : controller->name();
}

Result<void> register_irq(u32 intid, IrqHandler handler) {
  if (controller == nullptr || intid >= controller->count()) return Error{Errc::unsupported, intid};
  IrqHandler expected = nullptr;
  if (!handlers[intid].compare_exchange_strong(expected, handler))
    return Error{Errc::already_mapped, intid};
  controller->enable(intid);
  return {};
}

void handle_irqs() {
  IrqCounts& mine = counts[cpu_index()];
  for (TakenIrq irq; (irq = controller->acknowledge()).intid < kFirstSpecialIntid;) {
    if (const IrqHandler handler = handlers[irq.intid].load(std::memory_order_acquire)) {
      handler();
      ++mine.handled;
    } else {
      ++mine.spurious;
    }
    controller->end(irq);
  }
}

IrqCounts irq_counts(unsigned cpu) { return counts[cpu]; }
IrqCounts irq_counts() {
  IrqGuard irq;
  return counts[cpu_index()];
}

}  // namespace meridian::arch
