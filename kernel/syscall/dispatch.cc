// SPDX-License-Identifier: MIT
#include <arch/interrupts.h>
#include <arch/trap.h>

#include <atomic>

#include "kernel/entry.h"
#include "kernel/syscall/calls.h"

namespace meridian {
namespace {

struct Entry {
  u32 number;
  std::string_view name;
  SyscallResult (*function)(const Syscall&);
};

/// Linux's numbers (include/uapi/asm-generic/unistd.h), in ascending order.
constexpr Entry kCalls[] = {
    {64, "write", sys_write},
    {66, "writev", sys_writev},
    {93, "exit", sys_exit},
    {94, "exit_group", sys_exit},
    {96, "set_tid_address", sys_set_tid_address},
    {98, "futex", sys_futex},
    {172, "getpid", sys_getpid},
    {178, "gettid", sys_getpid},
    {214, "brk", sys_brk},
    {215, "munmap", sys_munmap},
    {216, "mremap", sys_mremap},
    {222, "mmap", sys_mmap},
    {226, "mprotect", sys_mprotect},
    {233, "madvise", sys_madvise},
};

/// The entry of each number in kCalls, plus 1; 0 for none.
constexpr auto kIndex = [] {
  std::array<u8, kSyscallNumbers> index{};
  for (usize i = 0; i < std::size(kCalls); ++i) index[kCalls[i].number] = static_cast<u8>(i + 1);
  return index;
}();

const Entry* find_call(u32 number) {
  if (number >= kSyscallNumbers || kIndex[number] == 0) return nullptr;
  return &kCalls[kIndex[number] - 1];
}

constinit std::array<std::atomic<u64>, kSyscallNumbers + 1> counts{};
constinit std::atomic<SyscallObserver> observer_of_calls{nullptr};

}  // namespace

void observe_syscalls(SyscallObserver observer) {
  observer_of_calls.store(observer, std::memory_order_release);
}

SyscallCount syscall_count(u32 number) {
  CHECK(number <= kSyscallNumbers);
  const Entry* entry = find_call(number);
  return {.number = number,
          .name = entry == nullptr ? std::string_view{} : entry->name,
          .calls = counts[number].load(std::memory_order_relaxed)};
}

/// The number is w8, as on Linux: the upper half of x8 does not count.
void handle_syscall(arch::TrapFrame& frame) {
  const u32 number = static_cast<u32>(frame.x[8]);
  counts[number < kSyscallNumbers ? number : kSyscallNumbers].fetch_add(1,
                                                                        std::memory_order_relaxed);
  const Entry* entry = find_call(number);
  if (entry == nullptr) {
    frame.x[0] = SyscallResult(Errno::enosys).raw();
    return;
  }
  Program* caller = current_program();
  CHECK(caller != nullptr);
  Syscall call{*caller, {}};
  for (usize i = 0; i < call.x.size(); ++i) call.x[i] = frame.x[i];
  const SyscallObserver observer = observer_of_calls.load(std::memory_order_relaxed);
  if (observer != nullptr) [[unlikely]]
    observer(call);
  arch::unmask_interrupts();  // a call may take long; the way back masks them again
  frame.x[0] = entry->function(call).raw();
}

}  // namespace meridian
