// SPDX-License-Identifier: MIT
/// System calls whose allocations fail, each in turn. The program (tests/user/starve.c) says before a call
/// which of its allocations is to fail, by a call of getppid() with arguments that nobody else passes; this
/// sees to it, and answers whether it came to that.
#include <algorithm>
#include <array>

#include "kernel/init/system.h"
#include "kernel/proc/process_table.h"
#include "kernel/proc/run_program.h"
#include "kernel/syscall/syscall.h"
#include "mm/frames/failure_injection.h"
#include "mm/frames/frames.h"
#include "mm/kernel/vmalloc.h"
#include "mm/slab/slab.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/settle.h"

namespace meridian {
namespace {

constexpr u64 kGetppid = 173, kMagic = 0x57a'12e0'ddba11;

/// What the process in `whose` has asked for. (Its calls come one after the other.)
struct Request {
  const Process* whose = nullptr;
  u64 nth = 0;  // 0: nothing
  bool fired = false;
};
constinit Request request;

/// The calls that were made with a failing allocation.
constinit std::array<bool, kSyscallNumbers> starved{};
/// These are not: exit and exit_group end who calls, rt_sigsuspend waits, rt_sigreturn takes a frame.
constexpr u64 kNeverStarved[] = {93, 94, 133, 139};

bool is_request(const Syscall& call) {
  return call.frame.x[8] == kGetppid && call.x[2] == kMagic;
}

void begin_call(const Syscall& call) {
  if (is_request(call) || request.nth == 0 || request.whose != &call.caller) return;
  allocations_until_failure = request.nth;
  starved[static_cast<u32>(call.frame.x[8])] = true;
}

/// The number in x8 is the call's still, but for execve()'s, which has cleared it.
void end_call(const Syscall& call) {
  if (is_request(call)) {
    call.frame.x[0] = request.fired;
    request = {.whose = &call.caller, .nth = call.x[1]};
  } else if (request.nth != 0 && request.whose == &call.caller) {
    request.fired = allocations_until_failure.exchange(0) == 0;
    request.nth = 0;
  }
}

int run_starved() {
  ElfProblem problem;
  observe_syscalls(begin_call, end_call);
  const Result<ProcessEnd> end =
      run_program("/bin/starve", {.on_fault = Process::OnFault::be_silent}, problem);
  observe_syscalls(nullptr);
  return end.has_value() ? end.value().exit_status() : -1;
}

/// Whoever adds a call to a family's table adds it to the program's, too.
void expect_all_starved() {
  for (u32 number = 0; number < kSyscallNumbers; ++number) {
    const bool is_here = !syscall_count(number).name.empty();
    const bool is_left_out = std::ranges::find(kNeverStarved, number) != std::end(kNeverStarved);
    if (is_here && !is_left_out && !starved[number]) EXPECT_EQ(number, ~0u);  // prints it
  }
}

}  // namespace

KERNEL_TEST(starve, ACallThatRunsOutOfMemoryAnywhereChangesNothing) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  const Holdings before = settled_holdings();
  EXPECT_EQ(run_starved(), 0);
  EXPECT_EQ(settled_holdings(), before);
  expect_all_starved();
}

}  // namespace meridian
