// SPDX-License-Identifier: MIT
#include "kernel/proc/signals.h"

#include <arch/interrupts.h>
#include <arch/user.h>

#include "kernel/console/console.h"
#include "kernel/entry.h"
#include "kernel/proc/exit.h"
#include "kernel/proc/jobs.h"
#include "kernel/proc/signal_handler.h"

namespace meridian {
namespace {

constexpr SignalSet kContinue = SignalSet::of({kSigcont});

/// Queues it, unless the process ignores it. (A signal that is blocked is kept all the same: it may
/// want it later.) True if its thread shall look.
Result<bool> queue_signal(Process& process, const SignalInfo& info) {
  const u64 most = process.limit(LimitKind::signals).soft;
  return process.signals.with([&](SignalState& state) -> Result<bool> {
    if (info.signal == kSigcont) state.pending.clear(kStopSignals);
    if (kStopSignals.contains(info.signal)) state.pending.clear(kContinue);
    const bool blocked = state.blocked.contains(info.signal);
    if (!blocked && state.action(info.signal).ignores(info.signal)) return false;
    TRY(state.pending.add(info, most));
    return !blocked || state.awaited.contains(info.signal);
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

/// As on Linux, process 1 gets only what it has a handler for, or blocks: it may ask for that.
bool is_immune(Process& process, Signal signal) {
  if (process.pid() != ProcessTable::kInit) return false;
  return process.signals.with([signal](SignalState& state) {
    return !state.action(signal).has_handler() && !state.blocked.contains(signal);
  });
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
    table.for_each_in_group(group, [&](Process& process) {
      const Result<void> sent = post_signal(table, process, info);
      if (!sent.has_value()) last = sent;
    });
    if (table.member_of_group(group) == nullptr) return Error{Errc::not_found, group};
    return last;
  });
}

bool has_signal(Process& me) {
  return me.signals.with([](SignalState& state) { return !state.deliverable().is_empty(); });
}

bool has_fatal_signal(Process& me) {
  return me.signals.with([](SignalState& state) {
    for (SignalSet left = state.deliverable(); !left.is_empty(); left.remove(left.first())) {
      const bool is_default = state.action(left.first()).handler == SignalAction::kDefault;
      if (is_default && default_of(left.first()) == SignalDefault::terminate) return true;
    }
    return false;
  });
}

namespace {

/// Whoever changes what is blocked: what waits already has interrupted nobody.
template <typename Change>
void change_blocked(Process& me, Change&& change) {
  const bool has_some = me.signals.with([&](SignalState& state) {
    change(state);
    return !state.deliverable().is_empty();
  });
  if (has_some) me.thread().interrupt();
}

void end_temporary_mask(Process& me) {
  change_blocked(me, [](SignalState& state) {
    if (state.mask_after) state.blocked = *std::exchange(state.mask_after, std::nullopt);
  });
}

}  // namespace

void set_blocked_signals(Process& me, SignalSet wanted) {
  change_blocked(me, [&](SignalState& state) { state.blocked = wanted - kUnblockable; });
}

TemporaryMask::TemporaryMask(Process& me, SignalSet wanted) : me_(me) {
  change_blocked(me, [&](SignalState& state) {
    state.mask_after = state.blocked;
    state.blocked = wanted - kUnblockable;
  });
}

TemporaryMask::~TemporaryMask() {
  if (!stays_) end_temporary_mask(me_);
}

namespace {

/// A signal that something is to be done about, and what.
struct Delivery {
  SignalInfo info;
  SignalAction action;
};

/// The next one that comes to something. (What process 1 has no handler for comes to nothing.)
std::optional<Delivery> next_delivery(Process& me) {
  const bool is_init = me.pid() == ProcessTable::kInit;
  return me.signals.with([is_init](SignalState& state) -> std::optional<Delivery> {
    for (;;) {
      const std::optional<SignalInfo> info = state.pending.take(state.deliverable());
      if (!info) return std::nullopt;
      SignalAction& action = state.action(info->signal);
      if (action.ignores(info->signal) || (is_init && !action.has_handler())) continue;
      const Delivery delivery{*info, action};
      if ((action.flags & SignalAction::kResetHand) != 0) action.handler = SignalAction::kDefault;
      return delivery;
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

namespace {

/// False if no handler will run. (A standard signal: there is room for it.)
bool queue_for_handler(Process& me, const SignalInfo& info) {
  const bool queued = me.signals.with([&](SignalState& state) {
    const bool handled = state.action(info.signal).has_handler();
    if (!handled || state.blocked.contains(info.signal)) return false;
    return state.pending.add(info, 0).has_value();
  });
  if (queued) me.thread().interrupt();
  return queued;
}

}  // namespace

void force_signal(Process& me, const SignalInfo& info, const arch::TrapFrame& frame,
                  const arch::Fault& fault) {
  me.signals.with([&](SignalState& state) { state.fault = fault; });
  if (!queue_for_handler(me, info)) die_of(me, info.signal, frame, fault);
}

void force_signal(Process& me, const SignalInfo& info, std::string_view why) {
  if (queue_for_handler(me, info)) return;
  if (me.on_fault == Process::OnFault::report) print(console(), "{}: {}\n", me.name(), why);
  exit_process(ProcessEnd::killed(info.signal));
}

namespace {

/// If there is no room for its frame, SIGSEGV's handler may find some (on the other stack); its own
/// frame gets no second chance.
void run_handler(Process& me, arch::TrapFrame& frame, const Delivery& delivery) {
  me.interrupted_sleep.reset();
  if (enter_handler(me, frame, delivery.info, delivery.action).has_value()) return;
  if (delivery.info.signal == kSigsegv) {
    me.signals.with([](SignalState& state) { state.action(kSigsegv) = {}; });
  }
  force_signal(me, {.signal = kSigsegv, .code = kSiKernel}, "no room for a handler's frame");
}

bool is_made_again(const InterruptedCall& call, const SignalAction& handler) {
  return call.restart == InterruptedCall::Restart::with_handlers &&
         (handler.flags & SignalAction::kRestart) != 0;
}

}  // namespace

/// `call` is over with the first handler: what comes after that interrupts the handler.
void act_on_signals(arch::TrapFrame& frame, const InterruptedCall* call) {
  Process& me = Process::current();
  while (me.thread().is_interrupted()) {
    me.thread().forget_interrupt();  // first: what comes while we look interrupts again
    arch::unmask_interrupts();
    while (const std::optional<Delivery> next = next_delivery(me)) {
      if (!next->action.has_handler()) {
        do_default(next->info.signal);
        continue;
      }
      if (call != nullptr && is_made_again(*call, next->action))
        arch::repeat_syscall(frame, call->x0);
      call = nullptr;
      run_handler(me, frame, *next);
    }
    end_temporary_mask(me);  // unless a handler's frame has the old one already
    arch::mask_interrupts();
  }
  if (call != nullptr && call->restart != InterruptedCall::Restart::never)
    arch::repeat_syscall(frame, call->x0);
}

void before_user(arch::TrapFrame& frame) {
  if (current_thread().is_interrupted()) act_on_signals(frame, nullptr);
}

}  // namespace meridian
