// SPDX-License-Identifier: MIT
/// Signals of processes: how they are sent, and what becomes of them before their process goes on at
/// EL0. (What they are is in signal.h.)
///
/// Whoever sends one queues it and interrupts the process's thread. The thread looks on its way back
/// to EL0, and nowhere else: so a signal ends a process, stops it, or makes it run a handler, only
/// when it holds nothing in the kernel.
#pragma once

#include "kernel/proc/process_table.h"

namespace meridian {

/// Sends `info.signal` to `process`. One that it ignores is lost; SIGCONT ends a stop at once, and
/// takes back what would stop, and the other way round. Errc::try_again (EAGAIN) if too many real-time
/// signals wait.
Result<void> send_signal(Process& process, const SignalInfo& info);
/// The same to every process of a group; Errc::not_found (ESRCH) if it has none.
Result<void> send_signal_to_group(u32 group, const SignalInfo& info);

/// For who holds the table's lock: send_signal(); and SIGCHLD, to the parent of a process that ended,
/// stopped or goes on, whoever waits for it there being woken (`code`, `status`: si_code, si_status).
Result<void> post_signal(ProcessTable& table, Process& process, const SignalInfo& info);
void tell_parent(ProcessTable& table, Process& process, i32 code, i32 status);

/// The calling process did what an instruction may not do: it gets the signal even if it blocks or
/// ignores it, which then ends it.
void force_signal(Process& me, const SignalInfo& info, const arch::TrapFrame& frame,
                  const arch::Fault& fault);
/// SIGSEGV or what else stands for the fault, with its code and address.
SignalInfo signal_of(const arch::Fault& fault, FaultOutcome outcome);

/// Does a signal wait that the calling process would act on?
bool has_signal(Process& me);

/// A system call that ended with EINTR: what it takes to make it again.
struct InterruptedCall {
  u64 x0 = 0;  // its first argument
  enum class Restart : u8 {
    never,          // EINTR, whatever the signal
    with_handlers,  // again after handlers with SA_RESTART; and if there was no handler
    without_handlers,  // again only if there was no handler
  };
  Restart restart = Restart::never;
};

/// On the way to EL0, with interrupts masked: acts on the signals that wait, until none does. May not
/// return: the process may end here. `call` if a system call was interrupted, else nullptr.
void act_on_signals(arch::TrapFrame& frame, const InterruptedCall* call);

}  // namespace meridian
