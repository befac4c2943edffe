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
  switch (machine.gic.version) {
    case 2:
      controller = TRY(start_gic_v2(machine.gic));
      return {};
    case 3:
      controller = TRY(start_gic_v3(machine.gic));
      return {};
    default:
      return Error{Errc::not_found};
  }
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
  for (u32 intid; (intid = controller->acknowledge()) < kFirstSpecialIntid;) {
    if (const IrqHandler handler = handlers[intid].load(std::memory_order_acquire)) {
      handler();
      ++mine.handled;
    } else {
      ++mine.spurious;
    }
    controller->end(intid);
  }
}

IrqCounts irq_counts() {
  IrqGuard irq;
  return counts[cpu_index()];
}

}  // namespace meridian::arch
