// SPDX-License-Identifier: MIT
#include "kernel/proc/signals.h"

#include <arch/interrupts.h>

#include "kernel/console/console.h"
#include "kernel/entry.h"
#include "kernel/proc/exit.h"

namespace meridian {
namespace {

constexpr SignalSet kContinue = SignalSet::of({kSigcont});

/// Queues it, unless the process ignores it. (A signal that is blocked is kept all the same: it may
/// want it later.)
Result<bool> queue_signal(Process& process, const SignalInfo& info) {
  const u64 most = process.limit(LimitKind::signals).soft;
  return process.signals.with([&](SignalState& state) -> Result<bool> {
    if (info.signal == kSigcont) state.pending.clear(kStopSignals);
    if (kStopSignals.contains(info.signal)) state.pending.clear(kContinue);
    const bool blocked = state.blocked.contains(info.signal);
    if (!blocked && state.action(info.signal).ignores(info.signal)) return false;
    TRY(state.pending.add(info, most));
    return !blocked;
  });
}

/// A stopped process goes on.
void go_on(ProcessTable& table, Process& process, Signal signal) {
  if (process.family.state != ProcessState::stopped) return;
  process.family.state = ProcessState::alive;
  process.family.stopped_by = 0;
  if (signal == kSigcont) {
    process.family.continued = true;
    tell_parent(table, process, kCldContinued, kSigcont);
  }
  process.own_events.wake_all();
}

/// As on Linux, process 1 gets only what it has a handler for.
bool is_immune(Process& process, Signal signal) {
  if (process.pid() != ProcessTable::kInit) return false;
  return process.signals.with(
      [signal](SignalState& state) { return !state.action(signal).has_handler(); });
}

}  // namespace

Result<void> post_signal(ProcessTable& table, Process& process, const SignalInfo& info) {
  if (process.family.state == ProcessState::ended || is_immune(process, info.signal)) return {};
  const bool wanted = TRY(queue_signal(process, info));
  if (info.signal == kSigcont || info.signal == kSigkill) go_on(table, process, info.signal);
  if (wanted) process.thread().interrupt();
  return {};
}

void tell_parent(ProcessTable& table, Process& process, i32 code, i32 status) {
  Process* const parent = process.family.parent;
  if (parent == nullptr) return;
  const bool is_end = code == kCldExited || code == kCldKilled;
  const bool wants = is_end || parent->signals.with([](SignalState& state) {
    return (state.action(kSigchld).flags & SignalAction::kNoChildStop) == 0;
  });
  SignalInfo info{.signal = is_end ? process.family.exit_signal : kSigchld, .code = code};
  info.pid = process.pid();
  info.status = status;
  if (wants && info.signal != 0) (void)post_signal(table, *parent, info);
  parent->child_events.wake_all();
}

Result<void> send_signal(Process& process, const SignalInfo& info) {
  return processes().with(
      [&](ProcessTable& table) { return post_signal(table, process, info); });
}

Result<void> send_signal_to_group(u32 group, const SignalInfo& info) {
  return processes().with([&](ProcessTable& table) -> Result<void> {
    Result<void> last{};
    const usize count = table.for_each_in_group(group, [&](Process& process) {
      const Result<void> sent = post_signal(table, process, info);
      if (!sent.has_value()) last = sent;
    });
    if (count == 0) return Error{Errc::not_found, group};
    return last;
  });
}

bool has_signal(Process& me) {
  return me.signals.with([](SignalState& state) { return !state.deliverable().is_empty(); });
}

namespace {

/// A signal that something is to be done about, and what.
struct Delivery {
  SignalInfo info;
  SignalAction action;
};

std::optional<Delivery> next_delivery(Process& me) {
  return me.signals.with([](SignalState& state) -> std::optional<Delivery> {
    for (;;) {
      const std::optional<SignalInfo> info = state.pending.take(state.deliverable());
      if (!info) return std::nullopt;
      const SignalAction action = state.action(info->signal);
      if (!action.ignores(info->signal)) return Delivery{*info, action};
    }
  });
}

void do_default(Signal signal) {
  switch (default_of(signal)) {
    case SignalDefault::terminate:
      exit_process(ProcessEnd::killed(signal));
    case SignalDefault::stop:
      return stop_process(signal);
    case SignalDefault::ignore:
    case SignalDefault::resume:
      return;
  }
}

/// A fault that ends a program is worth a report.
[[noreturn]] void die_of(Process& me, Signal signal, const arch::TrapFrame& frame,
                         const arch::Fault& fault) {
  if (me.on_fault == Process::OnFault::report) {
    print(console(), "{}: {}\n", me.name(), fault);
    arch::report_fault(console(), frame, fault);
  }
  ProcessEnd end = ProcessEnd::killed(signal);
  end.fault = fault;
  exit_process(end);
}

/// For an exception that is no abort.
SignalInfo signal_of(arch::ExceptionClass ec) {
  switch (ec) {
    case arch::ExceptionClass::pc_alignment:
    case arch::ExceptionClass::sp_alignment:
      return {.signal = kSigbus, .code = kBusAdraln};
    case arch::ExceptionClass::brk64:
      return {.signal = kSigtrap, .code = kTrapBrkpt};
    case arch::ExceptionClass::fp_exception64:
      return {.signal = kSigfpe, .code = kSiKernel};
    default:  // an instruction that is not there, or not for programs
      return {.signal = kSigill, .code = kIllIllopc};
  }
}

SignalInfo signal_of(arch::FaultKind kind, FaultOutcome outcome) {
  switch (kind) {
    case arch::FaultKind::alignment:
      return {.signal = kSigbus, .code = kBusAdraln};
    case arch::FaultKind::external:
      return {.signal = kSigbus, .code = kBusAdrerr};
    case arch::FaultKind::translation:
    case arch::FaultKind::access_flag:
    case arch::FaultKind::permission:
    case arch::FaultKind::other:
      break;
  }
  if (outcome == FaultOutcome::past_end) return {.signal = kSigbus, .code = kBusAdrerr};
  return {.signal = kSigsegv,
          .code = outcome == FaultOutcome::no_right ? kSegvAccerr : kSegvMaperr};
}

}  // namespace

SignalInfo signal_of(const arch::Fault& fault, FaultOutcome outcome) {
  const arch::Esr syndrome = fault.syndrome();
  SignalInfo info = syndrome.is_abort() ? signal_of(fault.kind(), outcome) : signal_of(syndrome.ec());
  info.address = fault.has_address() ? fault.far : fault.elr;
  return info;
}

void force_signal(Process& me, const SignalInfo& info, const arch::TrapFrame& frame,
                  const arch::Fault& fault) {
  const bool handled = me.signals.with([&](SignalState& state) {
    SignalAction& action = state.action(info.signal);
    if (!action.has_handler() || state.blocked.contains(info.signal)) return false;
    state.fault = fault;
    return state.pending.add(info, 0).has_value();  // a standard signal: there is room
  });
  if (!handled) die_of(me, info.signal, frame, fault);
  me.thread().interrupt();
}

void act_on_signals(arch::TrapFrame& frame, const InterruptedCall* call) {
  Process& me = Process::current();
  while (me.thread().is_interrupted()) {
    me.thread().forget_interrupt();  // first: what comes while we look interrupts again
    arch::unmask_interrupts();
    while (const std::optional<Delivery> next = next_delivery(me)) {
      (void)frame, (void)call;
      do_default(next->info.signal);
    }
    arch::mask_interrupts();
  }
}

void before_user(arch::TrapFrame& frame) {
  if (current_thread().is_interrupted()) act_on_signals(frame, nullptr);
}

}  // namespace meridian
