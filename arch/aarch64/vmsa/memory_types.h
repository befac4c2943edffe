// SPDX-License-Identifier: MIT
/// The memory types of this kernel: which slot of MAIR_EL1 stands for which MemoryType. This is
/// their only definition; MAIR_EL1's value and every descriptor's AttrIndx and SH follow from it.
#pragma once

#include "arch/aarch64/regs/mair.h"
#include "kernel/lib/bits.h"
#include "mm/paging/attributes.h"

namespace meridian::arch {

/// A descriptor's AttrIndx. Slot 0 is normal memory, so that kernel descriptors read well.
enum class MairSlot : u8 { normal = 0, normal_uncached = 1, device = 2, device_strict = 3 };
inline constexpr MairSlot kMairSlots[] = {MairSlot::normal, MairSlot::normal_uncached,
                                          MairSlot::device, MairSlot::device_strict};

/// A descriptor's SH; 0b01 is reserved.
enum class Shareability : u8 { non_shareable = 0b00, outer = 0b10, inner = 0b11 };

constexpr MairAttr attr_of(MairSlot slot) {
  switch (slot) {
    case MairSlot::normal:
      return MairAttr::normal_write_back;
    case MairSlot::normal_uncached:
      return MairAttr::normal_non_cacheable;
    case MairSlot::device:
      return MairAttr::device_nGnRE;
    case MairSlot::device_strict:
      return MairAttr::device_nGnRnE;
  }
  UNREACHABLE();
}

constexpr MairSlot slot_of(MemoryType type) {
  switch (type) {
    case MemoryType::normal:
      return MairSlot::normal;
    case MemoryType::normal_uncached:
      return MairSlot::normal_uncached;
    case MemoryType::device:
      return MairSlot::device;
    case MemoryType::device_strict:
      return MairSlot::device_strict;
  }
  UNREACHABLE();
}

/// The inverse of slot_of(). A slot without an enumerator holds device_strict (see kMair), the type
/// that is never wrong, only slow.
constexpr MemoryType type_of(MairSlot slot) {
  switch (slot) {
    case MairSlot::normal:
      return MemoryType::normal;
    case MairSlot::normal_uncached:
      return MemoryType::normal_uncached;
    case MairSlot::device:
      return MemoryType::device;
    case MairSlot::device_strict:
      return MemoryType::device_strict;
  }
  return MemoryType::device_strict;
}

constexpr bool is_device(MemoryType type) {
  return type == MemoryType::device || type == MemoryType::device_strict;
}

/// Cached memory is shared by all CPUs (the inner shareable domain). Memory that no cache holds is
/// outer shareable whatever SH says (Arm ARM B2, "Memory types and attributes"), and an AT
/// instruction reports it so; the descriptor says the same.
constexpr Shareability shareability_of(MemoryType type) {
  return type == MemoryType::normal ? Shareability::inner : Shareability::outer;
}

/// The value of MAIR_EL1. Unused slots are zero, which is device nGnRnE.
inline constexpr Mair kMair = [] {
  Mair mair;
  for (MairSlot slot : kMairSlots) mair = mair.with(static_cast<unsigned>(slot), attr_of(slot));
  return mair;
}();
static_assert(kMair.raw() == 0x0004'44ff);

}  // namespace meridian::arch
