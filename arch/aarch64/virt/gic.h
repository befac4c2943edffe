// SPDX-License-Identifier: MIT
/// The interrupt controllers of QEMU's virt machine behind one interface. Shared interrupts go to
/// the CPU that registers for them; SGIs and PPIs are each CPU's own.
#pragma once

#include "kernel/devicetree/machine.h"
#include "kernel/lib/result.h"
#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian::arch {

/// INTIDs below this are the CPU's own; shared ones (SPIs) follow.
inline constexpr u32 kFirstSpi = 32;
/// Acknowledging gives one from here on when nothing is pending.
inline constexpr u32 kFirstSpecialIntid = 1020;
/// Of every interrupt we enable: in the middle, so that there is room on both sides.
inline constexpr u8 kIrqPriority = 0xa0;
/// Lets all priorities through.
inline constexpr u32 kIrqPriorityMask = 0xff;

/// An interrupt that was taken. `token` is what end() wants to see again.
struct TakenIrq {
  u32 intid;
  u32 token;
};

class InterruptController {
 public:
  /// This CPU's part, with every interrupt of its own masked. Each CPU calls it once.
  virtual Result<void> start_cpu() = 0;
  virtual const char* name() const = 0;
  /// How many INTIDs there are.
  virtual u32 count() const = 0;
  /// Unmasks `intid` and sends it to this CPU.
  virtual void enable(u32 intid) = 0;
  virtual TakenIrq acknowledge() = 0;
  virtual void end(TakenIrq irq) = 0;
  /// Raises SGI `intid` on CPU `cpu`, which has called start_cpu(), or on all but this one.
  virtual void send(u32 intid, unsigned cpu) = 0;
  virtual void send_to_others(u32 intid) = 0;

 protected:
  ~InterruptController() = default;
};

/// Maps and starts the distributor; start_cpu() does the rest.
Result<InterruptController*> start_gic_v2(const MachineDescription::Gic& gic);
Result<InterruptController*> start_gic_v3(const MachineDescription::Gic& gic);

/// GICD_TYPER, the same in both: how many INTIDs a distributor has.
u32 gic_interrupt_count(u64 distributor);
/// Masks every SPI of a distributor.
void gic_mask_spis(u64 distributor, u32 count);

}  // namespace meridian::arch
