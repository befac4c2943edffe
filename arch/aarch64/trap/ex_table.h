// SPDX-License-Identifier: MIT
/// The exception table: which instructions of the kernel may fault, and where execution goes on if
/// they do. Filled by the EX_TABLE macro (arch/aarch64/asm.h); read by the handler of EL1's faults.
#pragma once

#include <arch/trap.h>

#include "kernel/lib/types.h"

namespace meridian::arch {

enum class ExKind : u32 {
  plain = 0,      // go to the fixup at once
  user_copy = 1,  // first let the kernel provide the memory (kernel/entry.h), then retry
  call = 2,  // `at` is where a call returns to: caught is a fault of fetching the called address
};

/// One entry; the offsets are relative to the field that holds each.
struct ExEntry {
  i32 at, fixup;
  ExKind kind;

  u64 at_address() const { return reinterpret_cast<u64>(&at) + static_cast<u64>(i64{at}); }
  u64 fixup_address() const { return reinterpret_cast<u64>(&fixup) + static_cast<u64>(i64{fixup}); }
};
static_assert(sizeof(ExEntry) == 12, "EX_TABLE writes three words");

/// The entry for this exception of EL1, or nullptr.
const ExEntry* find_ex_entry(const TrapFrame& frame);

/// Makes `frame` go on at the entry's fixup, with ESR in x16 and FAR in x17.
void go_to_fixup(TrapFrame& frame, const ExEntry& entry);

}  // namespace meridian::arch
