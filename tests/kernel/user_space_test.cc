// SPDX-License-Identifier: MIT
/// Demand paging on the machine: the MMU raises the faults, and judges what became of them.
#include <arch/probe.h>
#include <arch/tlb.h>
#include <arch/translate.h>

#include "mm/user/active_user_space.h"
#include "mm/user/user_copy.h"
#include "mm/user/zero_frame.h"
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

constexpr UserAddr kBase{0x50'0000};
constexpr Protection kReadOnly{.read = true}, kReadWrite{.read = true, .write = true};

UserAddr page(u64 index) { return kBase + index * kPageSize; }
VirtAddr virt_page(u64 index) { return VirtAddr(page(index).value()); }

UserSpace::Request request(u64 first, u64 count, Protection protection) {
  UserSpace::Request wanted{.address = page(first), .size = count * kPageSize, .traits = {}};
  wanted.place = UserSpace::Place::fixed;
  wanted.traits.protection = protection;
  return wanted;
}

/// A new space with `count` pages.
Result<Ref<UserSpace>> space_with(u64 count, Protection protection) {
  Ref<UserSpace> space = TRY(UserSpace::create());
  TRY(space->map(request(0, count, protection)));
  return space;
}

bool el0_may(u64 index, Access access) { return ask_mmu(virt_page(index), access, El::el0).ok; }

}  // namespace

KERNEL_TEST(user_space, APageComesWhenItIsTouched) {
  Result<Ref<UserSpace>> created = space_with(3, kReadWrite);
  ASSERT_OK(created);
  UserSpace& space = *created.value();
  const ActiveUserSpace active(space);
  EXPECT_FAULT(probe(virt_page(0), ProbeKind::user_load), translation, read, virt_page(0));
  EXPECT_EQ(space.stats().resident(), 0u);

  EXPECT_EQ(read_user<u64>(page(0) + 8).value_or(1), 0u);
  EXPECT_TRUE(el0_may(0, Access::read) && !el0_may(0, Access::write));
  EXPECT_EQ(ask_mmu(virt_page(0), Access::read, El::el0).pa, zero_frame().value().address());
  EXPECT_EQ(space.stats().resident(), 0u);

  EXPECT_OK(write_user(page(0) + 8, u64{7}));
  EXPECT_OK(write_user(page(1), u64{8}));
  EXPECT_EQ(space.stats().anonymous, 2u);
  EXPECT_EQ(space.stats().minor_faults, 3u);
  EXPECT_EQ(read_user<u64>(page(0) + 8).value_or(1), 7u);
  EXPECT_TRUE(el0_may(1, Access::write) && !el0_may(2, Access::read));
  EXPECT_EQ(read_user<u64>(page(2)).value_or(1), 0u);
}

KERNEL_TEST(user_space, ABadAddressIsAnErrorAndNothingElse) {
  Result<Ref<UserSpace>> created = space_with(1, kReadOnly);
  ASSERT_OK(created);
  const ActiveUserSpace active(*created.value());
  EXPECT_ERROR(read_user<u64>(page(1)), Errc::fault);
  EXPECT_ERROR(read_user<u64>(page(0) - 8), Errc::fault);
  EXPECT_ERROR(read_user<u64>(UserAddr(0)), Errc::fault);
  EXPECT_ERROR(write_user(page(0), u64{1}), Errc::fault);
  EXPECT_EQ(read_user<u64>(page(1) - 4).error().about, page(1).value());
  EXPECT_EQ(created.value()->stats().minor_faults, 1u);
}

KERNEL_TEST(user_space, ForkSharesAFrameUntilOneSideWrites) {
  Result<Ref<UserSpace>> created = space_with(1, kReadWrite);
  ASSERT_OK(created);
  UserSpace& parent = *created.value();
  const ActiveUserSpace active(parent);
  ASSERT_OK(write_user(page(0), u64{1}));
  const PhysAddr shared = ask_mmu(virt_page(0), Access::read, El::el0).pa;

  Result<Ref<UserSpace>> forked = parent.duplicate();
  ASSERT_OK(forked);
  EXPECT_TRUE(!el0_may(0, Access::write));
  EXPECT_FAULT(probe(virt_page(0), ProbeKind::user_store), permission, write, virt_page(0));
  {
    const ActiveUserSpace child(*forked.value());
    EXPECT_EQ(ask_mmu(virt_page(0), Access::read, El::el0).pa, shared);
    ASSERT_OK(write_user(page(0), u64{2}));
    EXPECT_NE(ask_mmu(virt_page(0), Access::read, El::el0).pa, shared);
    EXPECT_EQ(read_user<u64>(page(0)).value_or(9), 2u);
  }
  EXPECT_EQ(read_user<u64>(page(0)).value_or(9), 1u);
  ASSERT_OK(write_user(page(0), u64{3}));
  EXPECT_EQ(ask_mmu(virt_page(0), Access::read, El::el0).pa, shared);
  {
    const ActiveUserSpace child(*forked.value());
    EXPECT_EQ(read_user<u64>(page(0)).value_or(9), 2u);
  }
}

KERNEL_TEST(user_space, SharedMemoryIsOneFrameInBoth) {
  Result<Ref<UserSpace>> created = UserSpace::create();
  ASSERT_OK(created);
  UserSpace::Request wanted = request(0, 1, kReadWrite);
  wanted.traits.shared = true;
  ASSERT_OK(created.value()->map(wanted));
  Result<Ref<UserSpace>> forked = created.value()->duplicate();
  ASSERT_OK(forked);
  {
    const ActiveUserSpace parent(*created.value());
    ASSERT_OK(write_user(page(0), u64{42}));
  }
  const ActiveUserSpace child(*forked.value());
  EXPECT_EQ(read_user<u64>(page(0)).value_or(9), 42u);
}

KERNEL_TEST(user_space, RightsChangeAtOnce) {
  Result<Ref<UserSpace>> created = space_with(2, kReadWrite);
  ASSERT_OK(created);
  UserSpace& space = *created.value();
  const ActiveUserSpace active(space);
  ASSERT_OK(write_user(page(0), u64{5}));
  ASSERT_OK(space.protect(page(0), kPageSize, kReadOnly));
  EXPECT_FAULT(probe(virt_page(0), ProbeKind::user_store), permission, write, virt_page(0));
  EXPECT_ERROR(write_user(page(0), u64{6}), Errc::fault);
  ASSERT_OK(space.protect(page(0), kPageSize, Protection{}));
  EXPECT_FAULT(probe(virt_page(0), ProbeKind::user_load), permission, read, virt_page(0));
  EXPECT_ERROR(read_user<u64>(page(0)), Errc::fault);
  ASSERT_OK(space.protect(page(0), kPageSize, kReadWrite));
  EXPECT_EQ(read_user<u64>(page(0)).value_or(9), 5u);
  ASSERT_OK(space.unmap(page(0), kPageSize));
  EXPECT_FAULT(probe(virt_page(0), ProbeKind::user_load), translation, read, virt_page(0));
}

KERNEL_TEST(user_space, AStackGrowsUnderACopy) {
  Result<Ref<UserSpace>> created = UserSpace::create();
  ASSERT_OK(created);
  UserSpace::Request stack = request(1000, 1, kReadWrite);
  stack.traits.grows_down = true;
  ASSERT_OK(created.value()->map(stack));
  const ActiveUserSpace active(*created.value());
  ASSERT_OK(write_user(page(997) + 100, u64{1}));
  EXPECT_EQ(created.value()->stats().mapped, 4u);
  EXPECT_EQ(created.value()->stats().anonymous, 1u);
}

KERNEL_TEST(user_space, EverythingComesBack) {
  const Holdings before = settled_holdings();
  {
    Result<Ref<UserSpace>> created = space_with(40, kReadWrite);
    ASSERT_OK(created);
    const ActiveUserSpace active(*created.value());
    for (u64 i = 0; i < 40; ++i) ASSERT_OK(write_user(page(i), i));
    Result<Ref<UserSpace>> forked = created.value()->duplicate();
    ASSERT_OK(forked);
    for (u64 i = 0; i < 20; ++i) ASSERT_OK(write_user(page(i), i + 1));
  }
  EXPECT_EQ(settled_holdings(), before);
}

}  // namespace meridian
