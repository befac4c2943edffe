// SPDX-License-Identifier: MIT
#include "kernel/proc/signal_handler.h"

#include <arch/signal_frame.h>
#include <arch/user.h>

#include <cstring>

#include "kernel/proc/signals.h"
#include "mm/kernel/kmap.h"
#include "mm/user/user_copy.h"
#include "mm/user/user_layout.h"

namespace meridian {
namespace {

MemoryObject* sigreturn_page = nullptr;  // a reference to it, for ever

/// What goes into a frame of the process's own state.
struct Context {
  arch::SignalStack stack;
  SignalSet mask;  // after the handler
  u64 fault_address = 0, syndrome = 0;
};

Context context_of(Process& me) {
  return me.signals.with([](SignalState& state) {
    Context context{.stack = state.stack, .mask = state.mask_after.value_or(state.blocked)};
    const arch::Fault& fault = state.fault;
    if (fault.syndrome().is_abort()) {
      const bool is_low = check_user_range({UserAddr(fault.far), 0}).has_value();
      context.fault_address = fault.far;
      context.syndrome = arch::told_syndrome(fault.esr, is_low);
    } else if (fault.syndrome().is_misalignment()) {
      context.syndrome = fault.esr;
    }
    return context;
  });
}

[[gnu::noinline]] Result<void> write_head(UserAddr at, const SignalInfo& info,
                                          const Context& context,
                                          const arch::UserRegisters& registers) {
  arch::SignalFrameHead head;
  head.info = to_wire(info);
  head.stack = context.stack;
  head.mask = context.mask.bits();
  head.fault_address = context.fault_address;
  head.registers = registers;
  return write_user(at, head);
}

[[gnu::noinline]] Result<void> write_records(UserAddr at, u64 syndrome) {
  arch::FpRegisters fp;
  arch::read_fp_registers(fp);
  arch::FpsimdHead head;
  head.fpsr = static_cast<u32>(fp.fpsr);
  head.fpcr = static_cast<u32>(fp.fpcr);
  TRY(write_user(at, head));
  TRY(copy_to_user(at + sizeof head, std::as_bytes(std::span(fp.v))));
  at = at + arch::kFpsimdRecordSize;
  if (syndrome != 0) {
    arch::SyndromeRecord record;
    record.esr = syndrome;
    TRY(write_user(at, record));
    at = at + sizeof record;
  }
  return write_user(at, arch::SignalRecordHeader{});
}

/// A frame record above the frame leads whoever walks the stack to what was interrupted.
Result<void> write_frame(UserAddr at, const SignalInfo& info, const Context& context,
                         const arch::UserRegisters& registers) {
  TRY(check_user_range({at, arch::kSignalFrameSize + arch::kFrameRecordSize}));
  TRY(write_head(at, info, context, registers));
  TRY(write_records(at + sizeof(arch::SignalFrameHead), context.syndrome));
  const std::array<u64, 2> record = {registers.x[29], registers.x[30]};
  static_assert(sizeof record == arch::kFrameRecordSize);
  return write_user(at + arch::kSignalFrameSize, record);
}

/// What is blocked, and which stack is left, while the handler of `signal` runs.
void begin_handling(Process& me, Signal signal, const SignalAction& action) {
  me.signals.with([&](SignalState& state) {
    state.blocked = state.blocked | action.mask;
    if ((action.flags & SignalAction::kNoDefer) == 0) state.blocked.add(signal);
    state.mask_after.reset();
    if ((state.stack.flags & arch::SignalStack::kAutoDisarm) != 0) state.stack = {};
  });
}

/// Loads the FP and SIMD registers that are among the records at `records`.
[[gnu::noinline]] Result<void> load_fp_record(UserAddr records) {
  const u64 at = TRY(arch::find_fpsimd_record(
      [records](u64 offset) { return read_user<arch::SignalRecordHeader>(records + offset); }));
  const auto head = TRY(read_user<arch::FpsimdHead>(records + at));
  arch::FpRegisters fp;
  TRY(copy_from_user(std::as_writable_bytes(std::span(fp.v)), records + at + sizeof head));
  fp.fpsr = head.fpsr;
  fp.fpcr = head.fpcr;
  arch::write_fp_registers(fp);
  return {};
}

}  // namespace

Result<void> make_sigreturn_page() {
  Ref<MemoryObject> page = TRY(MemoryObject::create(MemoryObject::Kind::file, kPageSize));
  const FrameRef frame = TRY(page->page(0));
  std::memcpy(KmapLocal(frame.frame()).pointer(), &arch::kSigreturnCode,
              sizeof arch::kSigreturnCode);
  sigreturn_page = page.let_go();
  return {};
}

Result<void> map_sigreturn_page(UserSpace& space) {
  const UserRange page = user_layout().sigreturn;
  UserSpace::Request request{.address = page.start(), .size = page.size(), .traits = {}};
  request.place = UserSpace::Place::fixed_no_replace;
  request.traits.protection = {.read = true, .execute = true};
  request.object = Ref<MemoryObject>(*sigreturn_page);
  TRY(space.map(request));
  return {};
}

bool is_sigreturn_page(const MemoryObject& object) { return &object == sigreturn_page; }

Result<void> enter_handler(Process& me, arch::TrapFrame& frame, const SignalInfo& info,
                           const SignalAction& action) {
  const Context context = context_of(me);
  arch::UserRegisters registers = arch::registers_of(frame);
  const bool on_stack = (action.flags & SignalAction::kOnStack) != 0;
  const u64 at = TRY(arch::place_signal_frame(context.stack.top_for_handler(on_stack, frame.sp)));
  TRY(write_frame(UserAddr(at), info, context, registers));
  const bool has_restorer = (action.flags & SignalAction::kRestorer) != 0;
  arch::call_handler(registers, {.signal = info.signal,
                                 .handler = action.handler,
                                 .frame = at,
                                 .return_to = has_restorer
                                                  ? action.restorer
                                                  : user_layout().sigreturn.start().value()});
  arch::set_registers(frame, registers);
  begin_handling(me, info.signal, action);
  return {};
}

Result<void> return_from_handler(Process& me, arch::TrapFrame& frame) {
  const UserAddr at(frame.sp);
  if (!at.is_aligned(16)) return Error{Errc::bad_format, at.value()};
  TRY(check_user_range({at, arch::kSignalFrameSize}));
  arch::SignalFrameHead head;
  TRY(copy_from_user(std::as_writable_bytes(std::span(&head, 1)), at));
  head.registers.pstate = TRY(arch::checked_pstate(head.registers.pstate));
  TRY(load_fp_record(at + sizeof head));
  arch::set_registers(frame, head.registers);
  me.signals.with([&](SignalState& state) {
    const Result<arch::SignalStack> stack = state.stack.changed_to(head.stack, frame.sp);
    if (stack.has_value()) state.stack = stack.value();
  });
  set_blocked_signals(me, SignalSet(head.mask));
  return {};
}

}  // namespace meridian
