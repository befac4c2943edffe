// SPDX-License-Identifier: MIT
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/probe.h>
#include <arch/user.h>

#include <utility>

#include "arch/aarch64/regs/spsr.h"
#include "arch/aarch64/trap/user_probe.h"
#include "arch/aarch64/trap/walk_now.h"

namespace meridian::arch {
namespace {

extern "C" {  // probe.S
u64 probe_load8(u64 va, Fault* fault);
u64 probe_load16(u64 va, Fault* fault);
u64 probe_load32(u64 va, Fault* fault);
u64 probe_load64(u64 va, Fault* fault);
u64 probe_user_load8(u64 va, Fault* fault);
u64 probe_user_load32(u64 va, Fault* fault);
u64 probe_touch8(u64 va, Fault* fault);
u64 probe_user_touch8(u64 va, Fault* fault);
u64 probe_call(u64 va, Fault* fault);
void probe_store8(u64 va, Fault* fault, u64 value);
void probe_store16(u64 va, Fault* fault, u64 value);
void probe_store32(u64 va, Fault* fault, u64 value);
void probe_store64(u64 va, Fault* fault, u64 value);
void probe_user_store8(u64 va, Fault* fault, u64 value);
void probe_user_store16(u64 va, Fault* fault, u64 value);
void probe_user_store32(u64 va, Fault* fault, u64 value);
void probe_user_store64(u64 va, Fault* fault, u64 value);
}

using LoadProbe = u64 (*)(u64 va, Fault* fault);
using StoreProbe = void (*)(u64 va, Fault* fault, u64 value);

/// No fault has the syndrome 0: an abort's EC is not 0.
ProbeResult result_of(u64 value, const Fault& fault) {
  if (fault.esr == 0) return {.ok = true, .value = value};
  return {.fault = fault};
}

ProbeResult run(LoadProbe access, VirtAddr va) {
  Fault fault;
  const u64 value = access(va.value(), &fault);
  return result_of(value, fault);
}

ProbeResult run(StoreProbe access, VirtAddr va, u64 value) {
  Fault fault;
  access(va.value(), &fault, value);
  return result_of(0, fault);
}

/// Calls `va` if that does no harm: a `ret` comes straight back, and what cannot be fetched faults.
ProbeResult run_call(VirtAddr va) {
  constexpr u64 kRet = 0xd65f'03c0;
  const ProbeResult word = run(probe_load32, va);
  const bool is_ret = word.ok && word.value == kRet && va.is_aligned(4);
  if (!is_ret && el1_rights_now(va).execute) return {.refused = true};
  return run(probe_call, va);
}

/// What each CPU's trip to EL0 waits for.
struct UserProbe {
  UserContext context;
  Fault fault;
};
constinit UserProbe* user_probes[kMaxCpus]{};

/// Goes to EL0 where nothing can be fetched, so that the first thing that happens there is the
/// fault.
ProbeResult run_at_el0(VirtAddr va) {
  if (el0_rights_now(va).execute) return {.refused = true};
  const IrqGuard alone;  // nobody else may come by EL0 on this CPU meanwhile
  UserProbe trip;
  trip.context.frame.elr = va.value();
  trip.context.frame.spsr = Spsr::el0().raw() | Spsr::I::kSet | Spsr::F::kSet;
  user_probes[cpu_index()] = &trip;
  enter_user_at(&trip.context);
  return {.fault = trip.fault};
}

ProbeResult run_store(const StoreProbe (&by_size)[4], VirtAddr va, unsigned bytes, u64 value) {
  CHECK(is_power_of_two(bytes) && bytes <= 8);
  return run(by_size[std::countr_zero(bytes)], va, value);
}

}  // namespace

void end_user_probe(const Fault& fault) {
  UserProbe* const trip = std::exchange(user_probes[cpu_index()], nullptr);
  CHECK(trip != nullptr);
  trip->fault = fault;
  leave_user_at(&trip->context, 0);
}

ProbeResult probe(VirtAddr va, ProbeKind kind) {
  switch (kind) {
    case ProbeKind::load8:
      return run(probe_load8, va);
    case ProbeKind::load16:
      return run(probe_load16, va);
    case ProbeKind::load32:
      return run(probe_load32, va);
    case ProbeKind::load64:
      return run(probe_load64, va);
    case ProbeKind::store:
      return run(probe_touch8, va);
    case ProbeKind::execute:
      return run_call(va);
    case ProbeKind::user_load:
      return run(probe_user_load8, va);
    case ProbeKind::user_store:
      return run(probe_user_touch8, va);
    case ProbeKind::user_execute:
      return run_at_el0(va);
  }
  UNREACHABLE();
}

ProbeResult probe_instruction(const TrapFrame& frame) {
  return run(frame.from_user() ? probe_user_load32 : probe_load32, VirtAddr(frame.elr));
}

ProbeResult probe_store(VirtAddr va, unsigned bytes, u64 value) {
  constexpr StoreProbe kBySize[] = {probe_store8, probe_store16, probe_store32, probe_store64};
  return run_store(kBySize, va, bytes, value);
}

ProbeResult probe_user_store(VirtAddr va, unsigned bytes, u64 value) {
  constexpr StoreProbe kBySize[] = {probe_user_store8, probe_user_store16, probe_user_store32,
                                    probe_user_store64};
  return run_store(kBySize, va, bytes, value);
}

}  // namespace meridian::arch
