// SPDX-License-Identifier: MIT
/// Signals on the machine: programs of tests/user say from inside whether they are Linux's.
#include <arch/signal_frame.h>

#include "kernel/proc/run_program.h"
#include "kernel/proc/signal_handler.h"
#include "mm/frames/frame_allocator.h"
#include "mm/kernel/vmalloc.h"
#include "mm/user/user_layout.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/settle.h"

namespace meridian {
namespace {

/// How many checks failed in a program, which leaves nothing behind.
int failures_in(std::string_view path, std::span<const std::string_view> arguments = {}) {
  ElfProblem problem;
  const Process::OnFault silent = Process::OnFault::be_silent;
  const Result<ProcessEnd> end =
      run_program(path, {.arguments = arguments, .on_fault = silent}, problem);
  return end.has_value() ? end.value().exit_status() : -1;
}

}  // namespace

KERNEL_TEST(signals, HandlersAndTheirFramesAreLinuxs) {
  const std::string_view arguments[] = {"strict"};
  EXPECT_EQ(failures_in("/bin/signals", arguments), 0);
}

KERNEL_TEST(signals, StopsAndInterruptionsAreLinuxs) { EXPECT_EQ(failures_in("/bin/jobs"), 0); }

/// Whatever is in it: sigreturn either refuses the frame or leads to EL0.
KERNEL_TEST(signals, ForgedFramesNeverLeadBeyondEl0) {
  const std::string_view arguments[] = {"strict"};
  EXPECT_EQ(failures_in("/bin/forge", arguments), 0);
}

KERNEL_TEST(signals, ProgramsWithHandlersGiveEverythingBack) {
  const std::string_view arguments[] = {"strict"};
  const Holdings before = settled_holdings();
  EXPECT_EQ(failures_in("/bin/signals", arguments), 0);
  EXPECT_EQ(settled_holdings(), before);
}

/// One frame, however many programs there are: the page is the same object's.
KERNEL_TEST(signals, TheSigreturnPageIsOneFrameForAll) {
  const UserAddr page = user_layout().sigreturn.start();
  Result<Ref<UserSpace>> one = UserSpace::create(), two = UserSpace::create();
  ASSERT_TRUE(one.has_value() && two.has_value());
  Frame frames[2];
  for (int i = 0; i < 2; ++i) {
    UserSpace& space = i == 0 ? *one.value() : *two.value();
    ASSERT_OK(map_sigreturn_page(space));
    EXPECT_TRUE(space.resolve(page, UserAccess::execute) == FaultOutcome::resolved);
    EXPECT_TRUE(space.resolve(page, UserAccess::write) == FaultOutcome::no_right);
    std::array<u32, 3> words;
    ASSERT_OK(space.read(page, std::as_writable_bytes(std::span(words))));
    EXPECT_EQ(words[0], 0xd280'1168u);
    EXPECT_EQ(words[1], 0xd400'0001u);
    EXPECT_EQ(words[2], 0u);
    frames[i] = Frame::containing(space.translate(page).value().pa);
  }
  EXPECT_EQ(frames[0].number(), frames[1].number());
}

}  // namespace meridian
