// SPDX-License-Identifier: MIT
/// Programs that attack the kernel: they judge what each attempt comes to, and this checks that the kernel
/// lives, and has all its memory back. The addresses they try are the layout's own.
#include "kernel/init/system.h"
#include "kernel/lib/fixed_vector.h"
#include "kernel/proc/process_table.h"
#include "kernel/proc/run_program.h"
#include "mm/frames/frames.h"
#include "mm/image.h"
#include "mm/kernel/vmalloc.h"
#include "mm/layout/layout.h"
#include "mm/slab/slab.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/settle.h"

namespace meridian {
namespace {

/// A program's arguments, most of them addresses.
class Arguments {
 public:
  void clear() { count_ = 0; }
  void add(std::string_view text) {
    CHECK(count_ < kMost);
    texts_[count_] = text;
    views_[count_] = texts_[count_].view();
    ++count_;
  }
  void add(u64 address) {
    BufferWriter<16> text;
    print(text, "{:016x}", address);
    add(text.text());
  }
  void add_edges(const Region& region) {
    add(region.first);
    add(region.first + region.size() / 2);
    add(region.last);
  }
  std::span<const std::string_view> views() const { return std::span(views_).first(count_); }

 private:
  static constexpr usize kMost = 100;
  std::array<FixedText<16>, kMost> texts_;
  std::array<std::string_view, kMost> views_;
  usize count_ = 0;
};
constinit Arguments arguments;  // too large for a stack

/// Edges and middle of every region but the programs' own, and of what is surely mapped.
void add_kernel_addresses() {
  for (const Region& region : current_layout().regions)
    if (region.kind != RegionKind::user) arguments.add_edges(region);
  for (const VirtRange part : {image_text(), image_rodata(), image_data(), boot_stack()}) {
    arguments.add(part.start().value());
    arguments.add(part.last().value());
  }
}

int run_silently(std::string_view path) {
  ElfProblem problem;
  const Result<ProcessEnd> end = run_program(
      path, {.arguments = arguments.views(), .on_fault = Process::OnFault::be_silent}, problem);
  return end.has_value() ? end.value().exit_status() : -1;
}

/// With `arguments`. It leaves as much as it found.
void expect_to_fail(std::string_view path) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  const Holdings before = settled_holdings();
  EXPECT_EQ(run_silently(path), 0);
  EXPECT_EQ(settled_holdings(), before);
}

}  // namespace

KERNEL_TEST(attack, NoAddressOfTheKernelIsOpenToAProgram) {
  arguments.clear();
  add_kernel_addresses();
  expect_to_fail("/bin/siege_memory");
}

/// One seed, so that a failure repeats; another is tried by `run siege_calls SEED ADDRESS...`.
KERNEL_TEST(attack, NoSystemCallIsFooledByItsArguments) {
  arguments.clear();
  arguments.add("20261127");
  add_kernel_addresses();
  expect_to_fail("/bin/siege_calls");
}

KERNEL_TEST(attack, ForkBombsEndAtALimit) {
  arguments.clear();
  expect_to_fail("/bin/siege_forks");
}

}  // namespace meridian
