// SPDX-License-Identifier: MIT
/// Trying an access and getting the fault back as a value. The access is really made, by one
/// instruction whose fault the exception table catches, so the answer is the MMU's own. Works in
/// any context: with interrupts masked, inside a handler, on every CPU at once.
///
/// What holds for the EL0 kinds: LDTR and STTR access with EL0's rights (PSTATE.UAO stays 0), and
/// PSTATE.PAN does not apply to them. The other kinds access with EL1's rights, so on a CPU with
/// PAN a user address gives a permission fault.
#pragma once

#include <arch/trap.h>

#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian::arch {

enum class ProbeKind : u8 {
  load8,
  load16,
  load32,
  load64,
  store,    // one byte, read and stored back in one atomic step: memory stays as it was. As for any
            // atomic instruction, a fault that reading would meet is reported as a read
  execute,  // calls the address at EL1; refused unless a `ret` is there or the call must fault
  user_load,     // one byte with EL0's rights
  user_store,    // one byte, read and stored back with EL0's rights (not in one step)
  user_execute,  // goes to EL0 at the address; refused unless the tables say that the fetch must
                 // fault
};

struct ProbeResult {
  bool ok = false;       // the access went through
  bool refused = false;  // it was not tried: it would have run code that is not ours to run
  u64 value = 0;         // what was loaded, if ok
  Fault fault{};         // what the CPU said, if neither ok nor refused
};

/// Tries one access.
ProbeResult probe(VirtAddr va, ProbeKind kind);

/// The instruction that `frame` interrupted, read with the rights of whoever was to execute it.
ProbeResult probe_instruction(const TrapFrame& frame);

/// Tries to store `value` in `bytes` (1, 2, 4 or 8) bytes at `va`, for good.
ProbeResult probe_store(VirtAddr va, unsigned bytes, u64 value);
/// The same with EL0's rights.
ProbeResult probe_user_store(VirtAddr va, unsigned bytes, u64 value);

}  // namespace meridian::arch
