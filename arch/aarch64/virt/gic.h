// SPDX-License-Identifier: MIT
/// The interrupt controllers of QEMU's virt machine behind one interface. One CPU's worth:
/// interrupts go to the CPU that registers for them.
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

class InterruptController {
 public:
  virtual const char* name() const = 0;
  /// How many INTIDs there are.
  virtual u32 count() const = 0;
  /// Unmasks `intid` and sends it to this CPU.
  virtual void enable(u32 intid) = 0;
  virtual u32 acknowledge() = 0;
  virtual void end(u32 intid) = 0;

 protected:
  ~InterruptController() = default;
};

/// Maps and starts what the machine has: distributor, then this CPU's interface.
Result<InterruptController*> start_gic_v2(const MachineDescription::Gic& gic);
Result<InterruptController*> start_gic_v3(const MachineDescription::Gic& gic);

/// GICD_TYPER, the same in both: how many INTIDs a distributor has.
u32 gic_interrupt_count(u64 distributor);
/// Masks every SPI of a distributor.
void gic_mask_spis(u64 distributor, u32 count);

}  // namespace meridian::arch
