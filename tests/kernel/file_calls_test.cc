// SPDX-License-Identifier: MIT
/// The file calls, as programs of tests/user see them: each checks from inside, by values that
/// Linux has, and its status is how many were others. What they used is back when they have ended.
#include <string_view>

#include "kernel/init/system.h"
#include "kernel/proc/run_program.h"
#include "mm/frames/frames.h"
#include "mm/kernel/vmalloc.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/settle.h"

namespace meridian {
namespace {

Result<int> status_of(std::string_view path) {
  ElfProblem problem;
  return TRY(run_program(path, {}, problem)).exit_status();
}

void expect_success(std::string_view path) {
  const Holdings before = settled_holdings();
  ASSERT_EQ(status_of(path).value_or(-1), 0);
  EXPECT_EQ(settled_holdings(), before);
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

KERNEL_TEST(file_calls, LocksAreWhatTheyAreOnLinux) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  expect_success("/bin/locks");
}

KERNEL_TEST(file_calls, PipesAndPollAreWhatTheyAreOnLinux) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  expect_success("/bin/pipes");
}

}  // namespace meridian
