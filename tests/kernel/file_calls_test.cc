// SPDX-License-Identifier: MIT
/// The file calls, as programs of tests/user see them: each checks from inside, by values that
/// Linux has, and its status is how many were others. What they used is back when they have ended.
#include <string_view>

#include "kernel/init/system.h"
#include "kernel/proc/run_program.h"
#include "mm/frames/frames.h"
#include "mm/kernel/vmalloc.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

Result<int> status_of(std::string_view path) {
  ElfProblem problem;
  return TRY(run_program(path, {}, problem)).exit_status();
}

u64 settled_free_frames() {
  vmalloc_flush();
  return free_frame_count();
}

/// What a run may leave is in caches, of CPUs and allocators that were not used before; sooner or
/// later a run finds all it needs there. One that leaked would never come out even.
void expect_success(std::string_view path) {
  constexpr int kMostRuns = 12;
  for (int run = 0; run < kMostRuns; ++run) {
    const u64 before = settled_free_frames();
    ASSERT_EQ(status_of(path).value_or(-1), 0);
    if (settled_free_frames() >= before) return;
  }
  EXPECT_TRUE(!"each run leaves less memory");
}

}  // namespace

KERNEL_TEST(file_calls, OpenFilesAreWhatTheyAreOnLinux) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  expect_success("/bin/files");
}

KERNEL_TEST(file_calls, NamesAreWhatTheyAreOnLinux) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  expect_success("/bin/names");
}

KERNEL_TEST(file_calls, PipesAndPollAreWhatTheyAreOnLinux) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  expect_success("/bin/pipes");
}

}  // namespace meridian
