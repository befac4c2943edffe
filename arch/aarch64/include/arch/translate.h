// SPDX-License-Identifier: MIT
/// Asking the MMU: does it let this exception level read or write this address, and what lies
/// there? An answer that shares nothing with the kernel's own walk of the tables.
#pragma once

#include "arch/aarch64/hw/translate.h"
#include "kernel/lib/result.h"
#include "mm/address.h"
#include "mm/paging/attributes.h"

namespace meridian::arch {

enum class Access : u8 { read, write };
enum class El : u8 { el0, el1 };

/// What the MMU answered. If `ok`, the address, its memory type and whether CPUs share it
/// coherently; else why not, with the level where the walk stopped.
struct MmuAnswer {
  bool ok = false;
  PhysAddr pa{};
  MemoryType type = MemoryType::device_strict;
  bool inner_shareable = false;
  FaultCode fault{};
};

inline hw::At at_of(Access access, El el) {
  if (el == El::el0) return access == Access::read ? hw::At::el0_read : hw::At::el0_write;
  return access == Access::read ? hw::At::el1_read : hw::At::el1_write;
}

/// The MemoryType behind a byte of MAIR_EL1; what is none of ours reads as device_strict.
constexpr MemoryType memory_type_of_attr(u8 attr) {
  for (const MairSlot slot : kMairSlots)
    if (static_cast<u8>(attr_of(slot)) == attr) return type_of(slot);
  return MemoryType::device_strict;
}

/// An AT instruction for `va` under the tables now in TTBR0 and TTBR1. A tag (TBI) is part of `va`.
inline MmuAnswer ask_mmu(VirtAddr va, Access access, El el) {
  const Par par = hw::translate(va, at_of(access, el));
  MmuAnswer answer{.ok = !par.failed()};
  if (!answer.ok) {
    answer.fault = par.fault_code();
    return answer;
  }
  answer.pa = par.frame().address() + (va.value() & (kPageSize - 1));
  answer.type = memory_type_of_attr(par.attr());
  answer.inner_shareable = par.shareability() == Shareability::inner;
  return answer;
}

/// The physical address alone. Errc::not_mapped if nothing is mapped at `va`, Errc::fault if this
/// access is what is not allowed.
inline Result<PhysAddr> at_translate(VirtAddr va, Access access, El el) {
  const MmuAnswer answer = ask_mmu(va, access, el);
  if (answer.ok) return answer.pa;
  const bool unmapped = answer.fault.status == FaultStatus::translation;
  return Error{unmapped ? Errc::not_mapped : Errc::fault, va.value()};
}

}  // namespace meridian::arch
