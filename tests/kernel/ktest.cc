// SPDX-License-Identifier: MIT
#include "tests/kernel/ktest.h"

#include <atomic>

#include "kernel/console/console.h"
#include "kernel/shell/command.h"

#pragma GCC visibility push(hidden)
extern "C" {
extern const meridian::KernelTest* const __ktests_start[];
extern const meridian::KernelTest* const __ktests_end[];
}
#pragma GCC visibility pop

namespace meridian {
namespace {

/// The test that runs. Failures may be noted from several CPUs.
struct Running {
  Writer* out = nullptr;
  std::atomic<u64> failures{0};
  std::string_view skip_reason;
};
constinit Running running;

bool begins_with(const KernelTest& test, std::string_view prefix) {
  BufferWriter<160> name;
  print(name, "{}.{}", test.suite, test.name);
  return name.text().starts_with(prefix);
}

/// Runs one test and prints its line; true unless it failed.
bool run_test(Writer& out, u64 number, const KernelTest& test) {
  running.out = &out;
  running.failures = 0;
  running.skip_reason = {};
  test.run();
  const bool failed = running.failures != 0;
  print(out, "{}ok {} {}.{}", failed ? "not " : "", number, test.suite, test.name);
  if (!failed && !running.skip_reason.empty()) print(out, " # SKIP {}", running.skip_reason);
  out.put('\n');
  return !failed;
}

}  // namespace

std::span<const KernelTest* const> kernel_tests() { return {__ktests_start, __ktests_end}; }

Result<u64> run_kernel_tests(Writer& out, std::string_view prefix) {
  u64 planned = 0;
  for (const KernelTest* test : kernel_tests())
    if (begins_with(*test, prefix)) ++planned;
  if (planned == 0) return Error{Errc::not_found};

  print(out, "KTAP version 1\n1..{}\n", planned);
  u64 number = 0, failed = 0;
  for (const KernelTest* test : kernel_tests())
    if (begins_with(*test, prefix) && !run_test(out, ++number, *test)) ++failed;
  print(out, "# {} passed, {} failed\n", planned - failed, failed);
  return failed;
}

namespace ktest {

Writer& begin_failure(Place place) {
  running.failures.fetch_add(1);
  print(*running.out, "# {}:{}: ", place.file, place.line);
  return *running.out;
}

void skip(std::string_view reason) { running.skip_reason = reason; }

}  // namespace ktest

namespace {

/// selftest [PREFIX]: all tests, or those whose "suite.Name" begins with PREFIX.
Result<void> cmd_selftest(Writer& out, Args& args) {
  std::string_view prefix;
  if (args.more()) prefix = TRY(args.word("PREFIX"));
  TRY(args.end());
  const u64 failed = TRY(run_kernel_tests(out, prefix));
  if (failed != 0) return Error{Errc::failed, 1};
  return {};
}

}  // namespace

SHELL_COMMAND("selftest", "selftest [PREFIX]", "run the tests inside the kernel, as KTAP",
              cmd_selftest, CommandGroup::checks);

}  // namespace meridian
