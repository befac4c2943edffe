// SPDX-License-Identifier: MIT
/// Programs that test their memory from inside (tests/user), and what is left when they, or the memory,
/// have come to an end.
#include <string_view>

#include "kernel/proc/process.h"
#include "kernel/proc/run_program.h"
#include "kernel/init/system.h"
#include "kernel/syscall/syscall.h"
#include "mm/frames/failure_injection.h"
#include "mm/frames/frames.h"
#include "mm/kernel/vmalloc.h"
#include "mm/slab/slab.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/settle.h"

namespace meridian {
namespace {

/// The status of a program run with one argument (or none: empty); -1 if it could not be started.
int status_of(std::string_view path, std::string_view argument) {
  const std::string_view arguments[] = {argument};
  ElfProblem problem;
  const Result<ProcessEnd> end =
      run_program(path,
                  {.arguments = std::span(arguments).first(argument.empty() ? 0 : 1),
                   .on_fault = Process::OnFault::be_silent},
                  problem);
  return end.has_value() ? end.value().exit_status() : -1;
}

void expect_success_and_no_loss(std::string_view path, std::string_view argument) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  const Holdings before = settled_holdings();
  EXPECT_EQ(status_of(path, argument), 0);
  EXPECT_EQ(settled_holdings(), before);
}

}  // namespace

KERNEL_TEST(memory, CallsAnswerAsLinuxDoes) {
  expect_success_and_no_loss("/bin/memory_calls", "");
}

/// A program that takes all there is is killed, whether it touches its pages itself or the kernel does
/// for it; its parent goes on, and the kernel too.
KERNEL_TEST(memory, TheGreediestProgramIsKilledWhenMemoryRunsOut) {
  expect_success_and_no_loss("/bin/memory_hog", "grow");
}
KERNEL_TEST(memory, ACopyToAProgramThatFindsNoMemoryKillsTheGreediestToo) {
  expect_success_and_no_loss("/bin/memory_hog", "copy");
}
KERNEL_TEST(memory, AChainOfForksEndsWithAnErrorAndGivesEverythingBack) {
  expect_success_and_no_loss("/bin/memory_hog", "fork");
}

namespace {

constexpr u64 kMark = 0x5a5a'5000, kMsync = 227, kExec = 16;

/// The allocation that is to fail, counted from the mark on; 0: none.
constinit u64 nth_from_mark = 0;

void arm_at_mark(const Syscall& call) {
  if (call.frame.x[8] == kMsync && call.x[0] == kMark) allocations_until_failure = nth_from_mark;
}

/// Makes call number `which` of tests/user/one_memory_call.c with its `nth` allocation failing. True if
/// it had so many.
bool fail_one(u64 which, u64 nth) {
  BufferWriter<24> number;
  print(number, "{}", which);
  nth_from_mark = nth;
  const Holdings before = settled_holdings();
  observe_syscalls(arm_at_mark);
  const int status = status_of("/bin/one_memory_call", number.text());
  observe_syscalls(nullptr);
  // After an exec it may be the new program's C library that finds no memory, and says 127.
  EXPECT_TRUE(status == 0 || (which == kExec && status == 127));
  const bool fired = allocations_until_failure.exchange(0) == 0;
  EXPECT_EQ(settled_holdings(), before);
  return fired;
}

}  // namespace

/// Whichever allocation fails: the call says so, or does without; what was there is still there; and
/// every frame comes back at the program's end.
KERNEL_TEST(memory, NoFailedAllocationOfACallLosesAnything) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  constexpr u64 kCalls = 17, kMost = 400;
  EXPECT_EQ(status_of("/bin/one_memory_call", "17"), 2);
  u64 fired = 0;
  for (u64 which = 0; which < kCalls; ++which) {
    nth_from_mark = 0;
    BufferWriter<24> number;
    print(number, "{}", which);
    ASSERT_EQ(status_of("/bin/one_memory_call", number.text()), 0);  // caches are warm
    u64 nth = 1;
    while (nth < kMost && fail_one(which, nth)) ++nth;
    EXPECT_LT(nth, kMost);
    fired += nth - 1;
  }
  EXPECT_GT(fired, 60u);
}

}  // namespace meridian
