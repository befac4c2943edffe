// SPDX-License-Identifier: MIT
#include <arch/interrupts.h>
#include <arch/trap.h>
#include <arch/user.h>

#include <atomic>
#include <span>

#include "kernel/entry.h"
#include "kernel/syscall/files.h"
#include "kernel/syscall/limits.h"
#include "kernel/syscall/memory.h"
#include "kernel/syscall/paths.h"
#include "kernel/syscall/poll.h"
#include "kernel/syscall/process.h"
#include "kernel/syscall/schedule.h"
#include "kernel/syscall/signals.h"
#include "kernel/syscall/sockets.h"
#include "kernel/syscall/status.h"
#include "kernel/syscall/system.h"
#include "kernel/syscall/time.h"
#include "kernel/syscall/transfer.h"

namespace meridian {
namespace {

constexpr std::span<const SyscallEntry> kFamilies[] = {
    kFileCalls,     kLimitCalls,  kMemoryCalls, kPathCalls,   kPollCalls,   kProcessCalls,
    kScheduleCalls, kSignalCalls, kSocketCalls, kStatusCalls, kSystemCalls, kTimeCalls,
    kTransferCalls};

/// By number; null for none.
constexpr auto kCalls = [] {
  std::array<const SyscallEntry*, kSyscallNumbers> calls{};
  for (const auto& family : kFamilies)
    for (const SyscallEntry& entry : family) {
      CHECK(calls[entry.number] == nullptr);
      calls[entry.number] = &entry;
    }
  return calls;
}();

const SyscallEntry* find_call(u64 number) {
  return number < kSyscallNumbers ? kCalls[number] : nullptr;
}

constinit struct {
  std::atomic<SyscallObserver> before{nullptr}, after{nullptr};
} observers;
constinit std::array<std::atomic<u64>, kSyscallNumbers + 1> counts{};

void count(u64 number) { counts[number].fetch_add(1, std::memory_order_relaxed); }

}  // namespace

void observe_syscalls(SyscallObserver before, SyscallObserver after) {
  observers.after.store(after, std::memory_order_release);
  observers.before.store(before, std::memory_order_release);
}

SyscallCount syscall_count(u32 number) {
  CHECK(number <= kSyscallNumbers);
  const SyscallEntry* entry = find_call(number);
  return {.number = number,
          .name = entry == nullptr ? std::string_view{} : entry->name,
          .calls = counts[number].load(std::memory_order_relaxed)};
}

namespace {

[[gnu::noinline]] void refuse(arch::TrapFrame& frame, u64 number) {
  count(number < kSyscallNumbers ? number : kSyscallNumbers);
  frame.x[0] = SyscallResult(Errno::enosys).raw();
}

/// Back to EL0 after a call that gave `result`, by way of the signals that came meanwhile. x0 in the
/// frame is still the first argument.
[[noreturn, gnu::noinline]] void leave(arch::TrapFrame& frame, const SyscallEntry& entry,
                                       u64 result) {
  const InterruptedCall interrupted{.x0 = frame.x[0], .restart = entry.restart};
  frame.x[0] = result;
  if (current_thread().is_interrupted()) {
    const bool is_interrupted = result == SyscallResult(Errno::eintr).raw();
    act_on_signals(frame, is_interrupted ? &interrupted : nullptr);
  }
  arch::go_to_user(frame);
}

u64 make_call(const Syscall& call, const SyscallEntry& entry) {
  arch::unmask_interrupts();  // it may take long
  const u64 result = entry.function(call).raw();
  arch::mask_exceptions();
  return result;
}

[[noreturn, gnu::noinline]] void make_observed_call(const Syscall& call, const SyscallEntry& entry,
                                                    SyscallObserver before) {
  before(call);
  const u64 first_argument = call.frame.x[0];
  call.frame.x[0] = make_call(call, entry);
  if (const SyscallObserver after = observers.after.load(std::memory_order_acquire)) after(call);
  leave(call.frame, entry, std::exchange(call.frame.x[0], first_argument));
}

}  // namespace

/// The number is w8, as on Linux: the upper half of x8 does not count.
extern "C" void handle_syscall(arch::TrapFrame& frame) {
  const u64 number = static_cast<u32>(frame.x[8]);
  const SyscallEntry* const entry = find_call(number);
  if (entry == nullptr) [[unlikely]]
    return refuse(frame, number);
  count(number);
  const Syscall call{Process::current(), frame, std::span(frame.x).first<6>()};
  if (const SyscallObserver before = observers.before.load(std::memory_order_relaxed)) [[unlikely]]
    make_observed_call(call, *entry, before);
  const u64 result = make_call(call, *entry);
  if (entry->changes_registers || current_thread().is_interrupted()) [[unlikely]]
    leave(frame, *entry, result);
  frame.x[0] = result;
}

}  // namespace meridian
