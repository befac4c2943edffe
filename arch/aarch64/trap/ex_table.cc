// SPDX-License-Identifier: MIT
#include "arch/aarch64/trap/ex_table.h"

#include <span>

#pragma GCC visibility push(hidden)
extern "C" {
extern const meridian::arch::ExEntry __ex_table_start[], __ex_table_end[];
}
#pragma GCC visibility pop

namespace meridian::arch {
namespace {

/// A fetch that failed: ELR is where it was to go, and the return address says who called.
bool is_failed_fetch(const TrapFrame& frame) {
  const Esr esr(frame.esr);
  return esr.ec() == ExceptionClass::instruction_abort_same ||
         esr.ec() == ExceptionClass::pc_alignment;
}

}  // namespace

const ExEntry* find_ex_entry(const TrapFrame& frame) {
  constexpr unsigned kLinkRegister = 30;
  const bool fetch = is_failed_fetch(frame);
  const u64 wanted = fetch ? frame.x[kLinkRegister] : frame.elr;
  // A few dozen entries, looked at only after a fault: not worth sorting.
  for (const ExEntry& entry : std::span(__ex_table_start, __ex_table_end))
    if (entry.at_address() == wanted && fetch == (entry.kind == ExKind::call)) return &entry;
  return nullptr;
}

void go_to_fixup(TrapFrame& frame, const ExEntry& entry) {
  frame.x[16] = frame.esr;
  frame.x[17] = frame.far;
  frame.elr = entry.fixup_address();
}

}  // namespace meridian::arch
