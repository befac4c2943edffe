// SPDX-License-Identifier: MIT
/// Programs and their address spaces on the machine: the MMU judges rights, the allocator judges
/// what comes back. The programs are those of tests/user, from the test initramfs.
#include <arch/probe.h>
#include <arch/registers.h>
#include <arch/tlb.h>
#include <arch/translate.h>

#include <array>

#include "kernel/fs/root.h"
#include "kernel/init/system.h"
#include "kernel/proc/exec.h"
#include "kernel/proc/run_program.h"
#include "kernel/syscall/syscall.h"
#include "mm/frames/failure_injection.h"
#include "mm/image.h"
#include "mm/kernel/vmalloc.h"
#include "mm/user/address_space.h"
#include "mm/user/user_copy.h"
#include "tests/kernel/expect_fault.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/settle.h"

namespace meridian {
namespace {

using arch::Access;
using arch::ask_mmu;
using arch::El;
using arch::probe;
using arch::ProbeKind;

constexpr UserAddr kText{0x40'0000}, kRodata{0x41'0000}, kData{0x42'0000};

UserRange pages(UserAddr start, u64 count) { return {start, count * kPageSize}; }

/// A space with two pages of each kind, far enough apart to leave holes.
Result<AddressSpace> sample_space() {
  Result<AddressSpace> space = AddressSpace::create();
  if (!space.has_value()) return space;
  TRY(space.value().map_new(pages(kText, 2), kUserText));
  TRY(space.value().map_new(pages(kRodata, 2), kUserRodata));
  TRY(space.value().map_new(pages(kData, 2), kUserData));
  return space;
}

bool may(UserAddr va, Access access, El el) { return ask_mmu(virt(va), access, el).ok; }

/// Runs a program, and gives its exit status; the process is gone when this returns.
Result<int> run_to_end(std::string_view path, std::span<const std::string_view> arguments) {
  ElfProblem problem;
  return TRY(run_program(path, {.arguments = arguments}, problem)).exit_status();
}

}  // namespace

KERNEL_TEST(user, EveryPageGrantsEl0WhatWasAskedForAndNoMore) {
  Result<AddressSpace> space = sample_space();
  ASSERT_TRUE(space.has_value());
  const ActiveSpace active(space.value());
  for (const UserAddr page : {kText, kText + kPageSize, kRodata, kRodata + kPageSize}) {
    EXPECT_TRUE(may(page, Access::read, El::el0));
    EXPECT_TRUE(!may(page, Access::write, El::el0));
    EXPECT_TRUE(!may(page, Access::write, El::el1));
  }
  EXPECT_TRUE(may(kData, Access::read, El::el0) && may(kData, Access::write, El::el0));
  for (const UserAddr hole : {kText - kPageSize, kText + 2 * kPageSize, kData + 2 * kPageSize})
    EXPECT_TRUE(!may(hole, Access::read, El::el0));
}

KERNEL_TEST(user, TheTablesAndTheMmuLeadToTheSameFrames) {
  Result<AddressSpace> space = sample_space();
  ASSERT_TRUE(space.has_value());
  const ActiveSpace active(space.value());
  for (const UserAddr va : {kText + 0x123, kRodata + 0x1fff, kData, kData + 0x1008}) {
    const Result<Translation> ours = space.value().translate(va);
    const arch::MmuAnswer theirs = ask_mmu(virt(va), Access::read, El::el0);
    ASSERT_TRUE(ours.has_value() && theirs.ok);
    EXPECT_EQ(ours.value().pa, theirs.pa);
  }
}

KERNEL_TEST(user, TheKernelNeverExecutesAProgramsPages) {
  Result<AddressSpace> space = sample_space();
  ASSERT_TRUE(space.has_value());
  const ActiveSpace active(space.value());
  for (const UserAddr page : {kText, kRodata, kData})
    EXPECT_FAULT(probe(virt(page), ProbeKind::execute), permission, execute, virt(page));
}

KERNEL_TEST(user, TheSameAddressInTwoSpacesIsTwoFrames) {
  Result<AddressSpace> one = sample_space(), two = sample_space();
  ASSERT_TRUE(one.has_value() && two.has_value());
  const u64 invalidations = arch::tlbi_count();
  for (int round = 0; round < 3; ++round) {
    {
      const ActiveSpace active(one.value());
      if (round == 0) EXPECT_TRUE(write_user(kData, u64{1}).has_value());
      EXPECT_EQ(read_user<u64>(kData).value_or(99), 1u);
    }
    const ActiveSpace active(two.value());
    if (round == 0) EXPECT_TRUE(write_user(kData, u64{2}).has_value());
    EXPECT_EQ(read_user<u64>(kData).value_or(99), 2u);
  }
  EXPECT_EQ(arch::tlbi_count(), invalidations);  // the ASID alone keeps them apart
}

KERNEL_TEST(user, UnmappedPagesAreGoneFromTheTlbToo) {
  Result<AddressSpace> space = sample_space();
  ASSERT_TRUE(space.has_value());
  const ActiveSpace active(space.value());
  ASSERT_TRUE(write_user(kData, u64{1}).has_value());
  ASSERT_TRUE(space.value().unmap(pages(kData, 1)).has_value());
  EXPECT_EQ(read_user<u64>(kData).error().code, Errc::fault);
  EXPECT_TRUE(read_user<u64>(kData + kPageSize).has_value());
}

KERNEL_TEST(user, RightsThatAreTakenAwayAreGoneFromTheTlbToo) {
  Result<AddressSpace> space = sample_space();
  ASSERT_TRUE(space.has_value());
  const ActiveSpace active(space.value());
  ASSERT_TRUE(write_user(kData, u64{1}).has_value());
  ASSERT_TRUE(space.value().protect(pages(kData, 1), kUserRodata).has_value());
  EXPECT_EQ(write_user(kData, u64{2}).error().code, Errc::fault);
  EXPECT_EQ(read_user<u64>(kData).value_or(99), 1u);
}

/// Every length up to the end of a page, and one byte more.
KERNEL_TEST(user, CopiesStopAtTheFirstByteThatIsNotThere) {
  Result<AddressSpace> space = sample_space();
  ASSERT_TRUE(space.has_value());
  const ActiveSpace active(space.value());
  const UserAddr end = kData + 2 * kPageSize;
  std::array<std::byte, 80> buffer{};
  for (usize size = 1; size <= 72; ++size) {
    const std::span<std::byte> fits = std::span(buffer).first(size);
    EXPECT_TRUE(copy_from_user(fits, end - size).has_value());
    EXPECT_TRUE(copy_to_user(end - size, fits).has_value());
    for (const usize over : {usize{1}, usize{8}}) {
      const std::span<std::byte> longer = std::span(buffer).first(size + over);
      EXPECT_EQ(copy_from_user(longer, end - size).error().about, end.value());
      EXPECT_EQ(copy_to_user(end - size, longer).error().about, end.value());
    }
  }
}

KERNEL_TEST(user, CopiesHaveNoMoreRightsThanTheProgram) {
  Result<AddressSpace> space = sample_space();
  ASSERT_TRUE(space.has_value());
  const ActiveSpace active(space.value());
  EXPECT_EQ(write_user(kText, u64{0}).error().code, Errc::fault);
  EXPECT_EQ(write_user(kRodata, u64{0}).error().code, Errc::fault);
  const UserAddr kernel(image_data().start().value());
  EXPECT_EQ(read_user<u64>(kernel).error().code, Errc::fault);
  EXPECT_EQ(write_user(kernel, u64{0}).error().code, Errc::fault);
  EXPECT_EQ(read_user<u64>(kData + (u64{0xff} << 56)).error().code, Errc::fault);
}

KERNEL_TEST(user, ASpaceGivesBackEverythingItHad) {
  const u64 before = free_frame_count();
  {
    Result<AddressSpace> space = sample_space();
    ASSERT_TRUE(space.has_value());
    const FrameState page =
        frame_state(Frame::containing(space.value().translate(kData).value().pa));
    EXPECT_EQ(page.owner, FrameOwner::user);
    const u64 tables = arch::tcr().user_bits() > 39 ? 4 : 3;  // one of each level
    EXPECT_EQ(free_frame_count(), before - 6 - tables);       // and six pages
  }
  EXPECT_EQ(free_frame_count(), before);
}

KERNEL_TEST(user, AProgramEndsWithItsStatusAndGivesEverythingBack) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  const std::string_view status[] = {"7"};
  const Holdings before = settled_holdings();
  const Result<int> end = run_to_end("/bin/quiet", status);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end.value(), 7);
  EXPECT_EQ(settled_holdings(), before);
  EXPECT_EQ(arch::user_root().table, the_system().boot.empty_root);
}

constinit u64 resident_when_loaded = 0;
constinit SpaceStats last_stats{};
void note_stats(const Syscall& call) { last_stats = call.caller.space().stats(); }

/// The stack alone is 64 pages, of which a program that does nothing touches one or two.
KERNEL_TEST(user, AProgramsPagesComeWhenTheyAreTouched) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  ElfProblem problem;
  const Result<PathStart> start = root_start();
  ASSERT_OK(start);
  {
    ExecStrings strings;
    ASSERT_OK(strings.add_argument("quiet"));
    const auto loaded = load_program(start.value(), "/bin/quiet", std::move(strings), {}, problem);
    ASSERT_OK(loaded);
    const SpaceStats stats = loaded.value().space->stats();
    EXPECT_LT(stats.resident() + 60, stats.mapped);
    resident_when_loaded = stats.resident();
  }
  observe_syscalls(note_stats);
  EXPECT_OK(run_program("/bin/quiet", {}, problem));
  observe_syscalls(nullptr);
  EXPECT_GT(last_stats.resident(), resident_when_loaded);
  EXPECT_GT(last_stats.minor_faults, 0u);
  EXPECT_LT(last_stats.resident() + 50, last_stats.mapped);
}

/// Loading with the k-th allocation failing: an error, nothing left, and the next attempt works.
KERNEL_TEST(user, LoadingThatRunsOutOfMemoryLeavesNothing) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  const Result<PathStart> start = root_start();
  ASSERT_OK(start);
  const Holdings before = settled_holdings();
  bool fired = true;
  for (u64 nth = 1; fired; ++nth) {
    {
      ElfProblem problem;
      const FailAllocation fail(nth);
      ExecStrings strings;
      const bool has_strings = strings.add_argument("quiet").has_value();
      const bool loaded =
          has_strings &&
          load_program(start.value(), "/bin/quiet", std::move(strings), {}, problem).has_value();
      fired = fail.has_fired();
      EXPECT_EQ(loaded, !fired);
    }
    EXPECT_EQ(settled_holdings(), before);
  }
}

/// What the kernel half of a program's view is: nothing. (The programs that try are tests/guest's.)
KERNEL_TEST(user, NoKernelPageIsOpenToEl0) {
  Result<AddressSpace> space = sample_space();
  ASSERT_TRUE(space.has_value());
  const ActiveSpace active(space.value());
  for (const VirtRange part : {image_text(), image_rodata(), image_data(), boot_stack()}) {
    for (VirtAddr va = part.start(); va < part.end(); va = va + kPageSize) {
      EXPECT_TRUE(!ask_mmu(va, Access::read, El::el0).ok);
      EXPECT_TRUE(!ask_mmu(va, Access::write, El::el0).ok);
    }
  }
}

}  // namespace meridian
