// SPDX-License-Identifier: MIT
/// Signals of processes: how they are sent, and what becomes of them before their process goes on at
/// EL0. (What they are is in signal.h; the frames of handlers are signal_handler.h's.)
///
/// Whoever sends one queues it and interrupts the process's thread. The thread looks on its way back
/// to EL0, and nowhere else: so a signal ends a process, stops it, or makes it run a handler, only
/// when it holds nothing in the kernel.
///
/// A call that waits does so interruptibly, and returns EINTR (Errc::interrupted) when it is
/// interrupted and has done nothing. The rest is done here: whether the program sees that EINTR, or
/// makes the call again, is for the handler that runs and the call's InterruptedCall::Restart. After a
/// stop, and whatever else runs no handler, it makes it again.
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
/// The same for what the kernel could not do for it; `why` is for the report.
void force_signal(Process& me, const SignalInfo& info, std::string_view why);
/// SIGSEGV or what else stands for the fault, with its code and address.
SignalInfo signal_of(const arch::Fault& fault, FaultOutcome outcome);

/// Does a signal wait that the calling process would act on?
bool has_signal(Process& me);
/// One that ends it?
bool has_fatal_signal(Process& me);

/// The calling process blocks `wanted` from now on, SIGKILL and SIGSTOP apart. What waits and is not
/// blocked any more is acted on before it goes on.
void set_blocked_signals(Process& me, SignalSet wanted);

/// Another mask while a call waits (rt_sigsuspend, ppoll, pselect6), for as long as this lives.
///
///   TemporaryMask mask(call.caller, wanted);
///   const Result<u32> ready = wait_for_files(...);
///   if (was_interrupted(ready)) mask.stay();
class TemporaryMask {
 public:
  TemporaryMask(Process& me, SignalSet wanted);
  TemporaryMask(const TemporaryMask&) = delete;
  TemporaryMask& operator=(const TemporaryMask&) = delete;
  ~TemporaryMask();

  /// The call ends with EINTR: what interrupted it is acted on under this mask, and the old one is
  /// back after the handler, or when there was none.
  void stay() { stays_ = true; }

 private:
  Process& me_;
  bool stays_ = false;
};

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
