// SPDX-License-Identifier: MIT
/// Borrowed addresses, judged by the MMU: what leads where, with which rights, and for how long. A
/// machine without HIGHMEM has nothing to lend.
#include "mm/kernel/kmap.h"

#include <arch/translate.h>

#include <algorithm>
#include <atomic>
#include <span>

#include "kernel/proc/thread.h"
#include "mm/frames/frames.h"
#include "mm/kernel/vmalloc.h"
#include "mm/layout/layout.h"
#include "mm/user/address_space.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

using arch::Access;
using arch::El;

constexpr char kNone[] = "no HIGHMEM: run with linear=256M";
bool has_highmem() { return zone_stats(ZoneKind::highmem).present != 0; }

Result<Frame> take_high(unsigned order = 0) {
  return alloc_frames(order, FrameOwner::kernel, ZoneKind::highmem);
}

/// The MMU finds `frame` at `pointer`, for the kernel to read and write, for EL0 not at all.
void check_lent(const void* pointer, Frame frame) {
  const VirtAddr va = VirtAddr::of(pointer);
  const arch::MmuAnswer write = arch::ask_mmu(va, Access::write, El::el1);
  EXPECT_TRUE(write.ok);
  EXPECT_EQ(write.pa, frame.address());
  EXPECT_TRUE(write.type == MemoryType::normal);
  EXPECT_FALSE(arch::ask_mmu(va, Access::read, El::el0).ok);
}
bool is_mapped(VirtAddr va) { return arch::ask_mmu(va, Access::read, El::el1).ok; }

}  // namespace

KERNEL_TEST(kmap, AFrameWithALinearAddressIsThere) {
  const Result<Frame> frame = alloc_frame(FrameOwner::kernel);
  ASSERT_OK(frame);
  const KmapStats before = kmap_stats();
  const Result<void*> address = kmap(frame.value());
  ASSERT_OK(address);
  EXPECT_TRUE(address.value() == linear_map.pointer(frame.value()));
  EXPECT_EQ(kmap_stats().used, before.used);
  kunmap(frame.value());
  free_frame(frame.value());
}

/// Every slot leads to its frame; when they are wanted for others, no old address is left.
KERNEL_TEST(kmap, EverySlotLeadsToItsFrameAndToNoneAfterTheFlush) {
  if (!has_highmem()) SKIP_TEST(kNone);
  const Result<Frame> block = take_high(kMaxOrder), other = take_high();
  ASSERT_OK(block);
  ASSERT_OK(other);
  const u64 slots = kmap_stats().slots;
  for (u64 i = 0; i < slots; ++i) {
    const Result<void*> address = kmap(block.value() + i);
    ASSERT_OK(address);
    check_lent(address.value(), block.value() + i);
  }
  EXPECT_ERROR(kmap(other.value()), Errc::out_of_slots);
  for (u64 i = 0; i < slots; ++i) kunmap(block.value() + i);

  const u64 flushes = kmap_stats().flushes;
  const Result<void*> address = kmap(other.value());
  ASSERT_OK(address);
  check_lent(address.value(), other.value());
  EXPECT_EQ(kmap_stats().flushes, flushes + 1);
  u64 mapped = 0;
  const VirtRange window = current_layout().region(RegionKind::pkmap).range();
  for (u64 i = 0; i < slots; ++i) mapped += is_mapped(window.start() + i * kPageSize);
  EXPECT_EQ(mapped, 1);
  kunmap(other.value());
  free_frame(other.value());
  free_frames(block.value(), kMaxOrder);
}

/// A thread that waits has its slot when another one has been given back, and not before.
KERNEL_TEST(kmap, AThreadMayWaitForASlot) {
  if (!has_highmem()) SKIP_TEST(kNone);
  struct Waiter {
    Frame frame;
    std::atomic<bool> has_slot = false;
  } waiter;
  const Result<Frame> block = take_high(kMaxOrder), other = take_high();
  ASSERT_OK(block);
  ASSERT_OK(other);
  waiter.frame = other.value();
  const u64 slots = kmap_stats().slots;
  for (u64 i = 0; i < slots; ++i) ASSERT_OK(kmap(block.value() + i));

  const auto wait = [](void* argument) {
    Waiter& me = *static_cast<Waiter*>(argument);
    const Result<void*> address = kmap_waiting(me.frame);
    me.has_slot = true;
    ASSERT_OK(address);
    check_lent(address.value(), me.frame);
  };
  const Result<Ref<Thread>> thread = start_thread("waiter", wait, &waiter);
  ASSERT_OK(thread);
  for (int i = 0; i < 100; ++i) yield();
  EXPECT_FALSE(waiter.has_slot);
  kunmap(block.value() + 7);
  thread.value()->join();
  EXPECT_TRUE(waiter.has_slot);
  kunmap(other.value());
  for (u64 i = 0; i < slots; ++i)
    if (i != 7) kunmap(block.value() + i);
  free_frame(other.value());
  free_frames(block.value(), kMaxOrder);
}

KERNEL_TEST(kmap, VisitsNestAndLeaveNothingMapped) {
  if (!has_highmem()) SKIP_TEST(kNone);
  const Result<Frame> block = take_high(1);
  ASSERT_OK(block);
  VirtAddr first, second;
  {
    const KmapLocal outer(block.value());
    first = VirtAddr::of(outer.pointer());
    *outer.pointer<volatile u64>() = 11;
    {
      const KmapLocal inner(block.value() + 1);
      second = VirtAddr::of(inner.pointer());
      *inner.pointer<volatile u64>() = 22;
      check_lent(inner.pointer(), block.value() + 1);
    }
    EXPECT_FALSE(is_mapped(second));
    check_lent(outer.pointer(), block.value());
    EXPECT_EQ(*outer.pointer<volatile u64>(), 11);
  }
  EXPECT_FALSE(is_mapped(first));
  EXPECT_EQ(*KmapLocal(block.value() + 1).pointer<volatile u64>(), 22);
  free_frames(block.value(), 1);
}

KERNEL_TEST(kmap, TheTemporaryMappingShowsTheLastFrame) {
  for (int i = 0; i < 3; ++i) {
    const Result<Frame> frame = take_high();
    ASSERT_OK(frame);
    const Result<void*> address = kmap_temporary(frame.value());
    ASSERT_OK(address);
    check_lent(address.value(), frame.value());
    free_frame(frame.value());
  }
}

/// vmalloc needs no linear addresses, so the rare frames that have one are kept for others; and it
/// clears the others all the same.
KERNEL_TEST(kmap, VmallocTakesHighmemFirstAndZeroesIt) {
  if (!has_highmem()) SKIP_TEST(kNone);
  constexpr usize kSize = 20 * kPageSize;
  for (int round = 0; round < 2; ++round) {  // the second finds what the first has written
    const Result<void*> area =
        vmalloc(kSize, {.alignment = kPageSize, .content = VmallocOptions::Content::zeroed});
    ASSERT_OK(area);
    const std::span words(static_cast<u64*>(area.value()), kSize / sizeof(u64));
    EXPECT_TRUE(std::ranges::count(words, 0u) == static_cast<i64>(words.size()));
    std::ranges::fill(words, 0x7777'7777'7777'7777);
    for (usize offset = 0; offset < kSize; offset += kPageSize) {
      const Result<Frame> frame = vmalloc_to_frame(static_cast<char*>(area.value()) + offset);
      ASSERT_OK(frame);
      EXPECT_TRUE(zone_of(frame.value()) == ZoneKind::highmem);
    }
    vfree(area.value());
    vmalloc_flush();
  }
}

/// A program's page: cleared, and written by the kernel, without a linear address.
KERNEL_TEST(kmap, ProgramsGetHighmemCleared) {
  if (!has_highmem()) SKIP_TEST(kNone);
  constexpr UserRange kPages{UserAddr(0x1000'0000), 2 * kPageSize};
  Result<AddressSpace> space = AddressSpace::create();
  ASSERT_OK(space);
  ASSERT_OK(space.value().map_new(kPages, kUserData));
  constexpr std::byte kBytes[] = {std::byte{1}, std::byte{2}, std::byte{3}};
  const UserAddr across = kPages.start() + (kPageSize - 1);
  ASSERT_OK(space.value().write(across, kBytes));
  for (u64 page = 0; page < 2; ++page) {
    const Result<Translation> found = space.value().translate(kPages.start() + page * kPageSize);
    ASSERT_OK(found);
    const Frame frame = Frame::containing(found.value().pa);
    EXPECT_TRUE(zone_of(frame) == ZoneKind::highmem);
    const KmapLocal visit(frame);
    const std::span bytes(visit.pointer<const u8>(), kPageSize);
    EXPECT_EQ(std::ranges::count(bytes, 0), static_cast<i64>(kPageSize - (page == 0 ? 1 : 2)));
    EXPECT_EQ(page == 0 ? bytes.back() : bytes[1], page == 0 ? 1 : 3);
  }
}

}  // namespace meridian
