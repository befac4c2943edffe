// SPDX-License-Identifier: MIT
/// Signals: what is done about them, and who is sent one.
#include "kernel/syscall/signals.h"

#include "kernel/proc/signal_handler.h"
#include "kernel/syscall/time_spec.h"
#include "kernel/time/clock.h"
#include "mm/user/user_copy.h"

namespace meridian {
namespace {

/// Sets are passed with their size, which is that of ours or wrong.
constexpr u64 kSetSize = sizeof(SignalSet);

bool is_signal(i32 number) { return 1 <= number && number <= kMostSignals; }

/// To whom a signal is sent, and what. Signal 0 only asks whether there is somebody.
struct Sending {
  i32 number;
  SignalInfo info;

  static Sending from(const Syscall& call, i32 number, i32 code) {
    return {.number = number, .info = {.code = code, .pid = call.caller.pid()}};
  }
};

/// Linux looks for the process first, and at the number then.
SyscallResult send_to(ProcessTable& table, Process* process, const Sending& sending) {
  if (process == nullptr) return Errno::esrch;
  if (sending.number == 0) return u64{0};
  if (!is_signal(sending.number)) return Errno::einval;
  SignalInfo info = sending.info;
  info.signal = static_cast<Signal>(sending.number);
  return post_signal(table, *process, info);
}

SyscallResult send_to_pid(i32 pid, const Sending& sending) {
  return processes().with([&](ProcessTable& table) {
    return send_to(table, pid > 0 ? table.find(static_cast<u32>(pid)) : nullptr, sending);
  });
}

/// To all that `is_meant` picks: done if one got it, else the last one's error.
template <typename IsMeant>
SyscallResult send_to_all(const Sending& sending, IsMeant&& is_meant) {
  return processes().with([&](ProcessTable& table) {
    SyscallResult result = Errno::esrch;
    bool any_got_it = false;
    table.for_each([&](Process& process) {
      if (!is_meant(process)) return;
      result = send_to(table, &process, sending);
      any_got_it |= result.raw() == 0;
    });
    return any_got_it ? SyscallResult(u64{0}) : result;
  });
}

SyscallResult send_to_group(u32 group, const Sending& sending) {
  return send_to_all(sending, [group](Process& p) { return p.family.group == group; });
}

/// All but process 1 and the caller.
SyscallResult send_to_everybody(Process& caller, const Sending& sending) {
  return send_to_all(sending, [&caller](Process& process) {
    return process.pid() != ProcessTable::kInit && &process != &caller;
  });
}

}  // namespace

SyscallResult sys_kill(const Syscall& call) {
  const i32 pid = call.integer(0);
  const Sending sending = Sending::from(call, call.integer(1), kSiUser);
  if (pid > 0) return send_to_pid(pid, sending);
  if (pid == -1) return send_to_everybody(call.caller, sending);
  if (pid == 0)
    return send_to_group(processes().with([&](auto&) { return call.caller.family.group; }), sending);
  return send_to_group(static_cast<u32>(-i64{pid}), sending);
}

/// A process has one thread, whose number is its own.
SyscallResult sys_tkill(const Syscall& call) {
  if (call.integer(0) <= 0) return Errno::einval;
  return send_to_pid(call.integer(0), Sending::from(call, call.integer(1), kSiTkill));
}

SyscallResult sys_tgkill(const Syscall& call) {
  if (call.integer(0) <= 0 || call.integer(1) <= 0) return Errno::einval;
  if (call.integer(0) != call.integer(1)) return Errno::esrch;
  return send_to_pid(call.integer(1), Sending::from(call, call.integer(2), kSiTkill));
}

namespace {

/// With what the caller says of it. Only to itself may it say that kill() or the kernel sent it.
SyscallResult queue_info(const Syscall& call, i32 pid, i32 number, UserAddr from) {
  const auto wire = TRY((read_user<std::array<std::byte, kSigInfoSize>>(from)));
  const Sending sending{.number = number, .info = from_wire(0, wire)};
  const bool claims_other = sending.info.code >= 0 || sending.info.code == kSiTkill;
  if (claims_other && static_cast<u32>(pid) != call.caller.pid()) return Errno::eperm;
  return send_to_pid(pid, sending);
}

}  // namespace

SyscallResult sys_rt_sigqueueinfo(const Syscall& call) {
  return queue_info(call, call.integer(0), call.integer(1), call.address(2));
}

SyscallResult sys_rt_tgsigqueueinfo(const Syscall& call) {
  if (call.integer(0) <= 0 || call.integer(1) <= 0) return Errno::einval;
  if (call.integer(0) != call.integer(1)) return Errno::esrch;
  return queue_info(call, call.integer(1), call.integer(2), call.address(3));
}

namespace {

/// What waits and comes to nothing now is forgotten, whether or not it is blocked.
SignalAction exchange_action(Process& me, Signal signal, const std::optional<SignalAction>& wanted) {
  return me.signals.with([&](SignalState& state) {
    const SignalAction old = state.action(signal);
    if (!wanted) return old;
    state.action(signal) = *wanted;
    if (wanted->ignores(signal)) state.pending.clear(SignalSet::of({signal}));
    return old;
  });
}

}  // namespace

SyscallResult sys_rt_sigaction(const Syscall& call) {
  if (call.x[3] != kSetSize) return Errno::einval;
  std::optional<SignalAction> wanted;
  if (call.x[1] != 0) {
    wanted = TRY(read_user<SignalAction>(call.address(1)));
    wanted->flags &= SignalAction::kKnown;  // so that a program can ask which there are
    wanted->mask = wanted->mask - kUnblockable;
  }
  if (!is_signal(call.integer(0))) return Errno::einval;
  const Signal signal = static_cast<Signal>(call.integer(0));
  if (wanted && kUnblockable.contains(signal)) return Errno::einval;
  const SignalAction old = exchange_action(call.caller, signal, wanted);
  if (call.x[2] == 0) return u64{0};
  return write_user(call.address(2), old);
}

namespace {

SignalSet blocked_signals(Process& me) {
  return me.signals.with([](SignalState& state) { return state.blocked; });
}

/// SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK. Errc::invalid_argument.
Result<SignalSet> changed_mask(i32 how, SignalSet old, SignalSet given) {
  switch (how) {
    case 0:
      return old | given;
    case 1:
      return old - given;
    case 2:
      return given;
    default:
      return Error{Errc::invalid_argument, static_cast<u64>(how)};
  }
}

}  // namespace

SyscallResult sys_rt_sigprocmask(const Syscall& call) {
  if (call.x[3] != kSetSize) return Errno::einval;
  const SignalSet old = blocked_signals(call.caller);
  if (call.x[1] != 0) {
    const SignalSet given = TRY(read_user<SignalSet>(call.address(1)));
    set_blocked_signals(call.caller, TRY(changed_mask(call.integer(0), old, given)));
  }
  if (call.x[2] == 0) return u64{0};
  return write_user(call.address(2), old);
}

/// Only as many bytes of the set as are asked for.
SyscallResult sys_rt_sigpending(const Syscall& call) {
  if (call.x[1] > kSetSize) return Errno::einval;
  const SignalSet waiting = call.caller.signals.with(
      [](SignalState& state) { return state.pending.pending() & state.blocked; });
  return copy_to_user(call.address(0), std::as_bytes(std::span(&waiting, 1)).first(call.x[1]));
}

SyscallResult sys_rt_sigsuspend(const Syscall& call) {
  if (call.x[1] != kSetSize) return Errno::einval;
  TemporaryMask mask(call.caller, TRY(read_user<SignalSet>(call.address(0))));
  while (current_thread().sleep({.interruptible = true}) != WakeReason::interrupted) {
  }
  mask.stay();
  return Errno::eintr;
}

namespace {

/// Takes one of `wanted`, waiting for it: while it does, they are announced although they are blocked.
/// Errc::try_again at the deadline; interrupted, by another that is not blocked.
Result<SignalInfo> wait_for_signal(Process& me, SignalSet wanted, std::optional<u64> deadline) {
  Thread& thread = current_thread();
  std::optional<SignalInfo> taken;
  for (WakeReason reason = WakeReason::woken;;) {
    thread.forget_interrupt();  // before the look: what comes after it interrupts again
    const bool has_others = me.signals.with([&](SignalState& state) {
      taken = state.pending.take(wanted);
      const bool done = taken || reason == WakeReason::timed_out || !state.deliverable().is_empty();
      state.awaited = done ? SignalSet() : wanted;
      return !state.deliverable().is_empty();
    });
    if (has_others) thread.interrupt();  // they are still to be acted on
    if (taken) return *taken;
    if (has_others) return Error{Errc::interrupted};
    if (reason == WakeReason::timed_out) return Error{Errc::try_again};
    reason = thread.sleep({.interruptible = true, .deadline = deadline});
  }
}

}  // namespace

SyscallResult sys_rt_sigtimedwait(const Syscall& call) {
  if (call.x[3] != kSetSize) return Errno::einval;
  const SignalSet wanted = TRY(read_user<SignalSet>(call.address(0)));
  std::optional<u64> deadline;
  if (call.x[2] != 0) deadline = counter_after(TRY(read_spec(call.address(2))));
  const SignalInfo taken = TRY(wait_for_signal(call.caller, wanted - kUnblockable, deadline));
  if (call.x[1] != 0) TRY(write_user(call.address(1), to_wire(taken)));
  return u64{taken.signal};
}

SyscallResult sys_sigaltstack(const Syscall& call) {
  using arch::SignalStack;
  std::optional<SignalStack> wanted;
  if (call.x[0] != 0) {
    wanted = TRY(read_user<SignalStack>(call.address(0)));
  }
  SignalStack old;
  TRY(call.caller.signals.with([&](SignalState& state) -> Result<void> {
    old = state.stack.told_to(call.frame.sp);
    if (wanted) state.stack = TRY(state.stack.changed_to(*wanted, call.frame.sp));
    return {};
  }));
  if (call.x[1] == 0) return u64{0};
  return write_user(call.address(1), old);
}

namespace {

/// SIGSEGV says where the frame should have been; as on Linux, by what lies there or above.
SignalInfo bad_frame_at(Process& me, UserAddr sp) {
  bool is_below_all = true;
  me.space().for_each_vma([&](const Vma& vma) { is_below_all &= vma.end() <= sp; });
  return {.signal = kSigsegv,
          .code = is_below_all ? kSegvMaperr : kSegvAccerr,
          .address = sp.value()};
}

}  // namespace

SyscallResult sys_rt_sigreturn(const Syscall& call) {
  Process& me = call.caller;
  if (!return_from_handler(me, call.frame).has_value())
    force_signal(me, bad_frame_at(me, UserAddr(call.frame.sp)), "not the frame of a signal handler");
  return call.frame.x[0];
}

}  // namespace meridian
