// SPDX-License-Identifier: MIT
/// <arch/translate.h> on the host: whoever plays the MMU answers; without one nothing is mapped.
#pragma once

#include <functional>

#include "arch/aarch64/regs/esr.h"
#include "kernel/lib/result.h"
#include "mm/address.h"
#include "mm/paging/attributes.h"

namespace meridian::arch {

enum class Access : u8 { read, write };
enum class El : u8 { el0, el1 };

struct MmuAnswer {
  bool ok = false;
  PhysAddr pa{};
  MemoryType type = MemoryType::device_strict;
  bool inner_shareable = false;
  FaultCode fault{};
};

/// A test that sets it sets it back.
inline std::function<MmuAnswer(VirtAddr, Access, El)> fake_mmu;

inline MmuAnswer ask_mmu(VirtAddr va, Access access, El el) {
  if (fake_mmu) return fake_mmu(va, access, el);
  MmuAnswer nothing;
  nothing.fault = {FaultStatus::translation, 0};
  return nothing;
}

inline Result<PhysAddr> at_translate(VirtAddr va, Access access, El el) {
  const MmuAnswer answer = ask_mmu(va, access, el);
  if (answer.ok) return answer.pa;
  const bool unmapped = answer.fault.status == FaultStatus::translation;
  return Error{unmapped ? Errc::not_mapped : Errc::fault, va.value()};
}

}  // namespace meridian::arch
