// SPDX-License-Identifier: MIT
#include <arch/interrupts.h>
#include <arch/trap.h>

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

const SyscallEntry* find_call(u32 number) {
  return number < kSyscallNumbers ? kCalls[number] : nullptr;
}

constinit std::array<std::atomic<u64>, kSyscallNumbers + 1> counts{};
constinit std::atomic<SyscallObserver> observer_of_calls{nullptr}, observer_of_results{nullptr};

}  // namespace

void observe_syscalls(SyscallObserver before, SyscallObserver after) {
  observer_of_results.store(after, std::memory_order_release);
  observer_of_calls.store(before, std::memory_order_release);
}

SyscallCount syscall_count(u32 number) {
  CHECK(number <= kSyscallNumbers);
  const SyscallEntry* entry = find_call(number);
  return {.number = number,
          .name = entry == nullptr ? std::string_view{} : entry->name,
          .calls = counts[number].load(std::memory_order_relaxed)};
}

/// The number is w8, as on Linux: the upper half of x8 does not count.
void handle_syscall(arch::TrapFrame& frame) {
  const u32 number = static_cast<u32>(frame.x[8]);
  counts[number < kSyscallNumbers ? number : kSyscallNumbers].fetch_add(1,
                                                                        std::memory_order_relaxed);
  const SyscallEntry* entry = find_call(number);
  if (entry == nullptr) {
    frame.x[0] = SyscallResult(Errno::enosys).raw();
    return;
  }
  const Syscall call{Process::current(), frame, std::span(frame.x).first<6>()};
  const u64 first_argument = frame.x[0];
  const SyscallObserver observer = observer_of_calls.load(std::memory_order_relaxed);
  if (observer != nullptr) [[unlikely]]
    observer(call);
  arch::unmask_interrupts();  // a call may take long
  frame.x[0] = entry->function(call).raw();
  arch::mask_interrupts();
  if (observer != nullptr) [[unlikely]]
    if (const SyscallObserver after = observer_of_results.load(std::memory_order_acquire))
      after(call);
  if (current_thread().is_interrupted()) [[unlikely]] {
    const InterruptedCall interrupted{.x0 = first_argument, .restart = entry->restart};
    const bool is_interrupted = frame.x[0] == SyscallResult(Errno::eintr).raw();
    act_on_signals(frame, is_interrupted ? &interrupted : nullptr);
  }
}

}  // namespace meridian
