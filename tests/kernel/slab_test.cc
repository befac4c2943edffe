// SPDX-License-Identifier: MIT
/// kmalloc and slabs on the machine: where objects lie, what they hold, and that they come back.
#include "mm/slab/slab.h"

#include <arch/probe.h>
#include <arch/translate.h>

#include <array>

#include "mm/frames/failure_injection.h"
#include "mm/frames/poison.h"
#include "mm/kernel/linear_map.h"
#include "mm/slab/kmalloc.h"
#include "tests/kernel/expect_fault.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

KERNEL_TEST(slab, ObjectsAreContiguousInPhysicalMemory) {
  for (const usize size : {usize{64}, usize{8192}, usize{20'000}, kMaxKmalloc}) {
    const Result<void*> object = kmalloc(size);
    ASSERT_OK(object);
    const VirtAddr start = VirtAddr::of(object.value());
    EXPECT_TRUE(linear_map.virt().contains(start));
    for (u64 at = 0; at < size; at += 64) {
      const auto pa = arch::at_translate(start + at, arch::Access::write, arch::El::el1);
      ASSERT_OK(pa);
      ASSERT_EQ(pa.value(), linear_map.phys_of(object.value()) + at);
    }
    kfree(object.value());
  }
}

KERNEL_TEST(slab, ObjectsAreNeverExecutable) {
  const Result<void*> object = kmalloc(64);
  ASSERT_OK(object);
  const VirtAddr va = VirtAddr::of(object.value());
  EXPECT_FAULT(arch::probe(va, arch::ProbeKind::execute), permission, execute, va);
  kfree(object.value());
}

KERNEL_TEST(slab, SizesThatCannotBeAreRefused) {
  EXPECT_ERROR(kmalloc(kMaxKmalloc + 1), Errc::too_large);
  EXPECT_ERROR(kmalloc(~usize{0}), Errc::too_large);
  EXPECT_ERROR(kmalloc(0), Errc::bad_range);
  kfree(nullptr);
}

KERNEL_TEST(slab, PowersOfTwoAreAlignedToThemselves) {
  for (usize size = 8; size <= kMaxKmalloc; size *= 2) {
    const Result<void*> object = kmalloc(size);
    ASSERT_OK(object);
    EXPECT_EQ(VirtAddr::of(object.value()).value() % size, 0u);
    EXPECT_EQ(kmalloc_size(object.value()), size);
    kfree(object.value());
  }
}

KERNEL_TEST(slab, AFreedObjectIsGivenOutNext) {
  const Result<void*> object = kmalloc(200);
  ASSERT_OK(object);
  kfree(object.value());
  const Result<void*> again = kmalloc(200);
  ASSERT_OK(again);
  EXPECT_EQ(again.value(), object.value());
  kfree(again.value());
}

KERNEL_TEST(slab, FreedObjectsArePoisonedAndNewOnesAreNotZeroed) {
  const Result<void*> object = kmalloc(256);
  ASSERT_OK(object);
  u8* const bytes = static_cast<u8*>(object.value());
  EXPECT_TRUE(is_filled(bytes, 256, kObjectFresh));
  kfree(bytes);
  EXPECT_TRUE(are_poisoned(bytes + 8, 248));
}

KERNEL_TEST(slab, ManyObjectsComeBack) {
  static constinit std::array<void*, 2000> objects;
  drain_slab_caches();
  const u64 before = free_frame_count();
  for (const usize size : {usize{8}, usize{96}, usize{1000}, usize{8192}}) {
    for (void*& object : objects) {
      const Result<void*> got = kmalloc(size);
      ASSERT_OK(got);
      object = got.value();
      *static_cast<u64*>(object) = VirtAddr::of(object).value();
    }
    for (void* object : objects) {
      ASSERT_EQ(*static_cast<u64*>(object), VirtAddr::of(object).value());
      kfree(object);
    }
  }
  drain_slab_caches();
  EXPECT_EQ(free_frame_count(), before);
}

KERNEL_TEST(slab, AWrongFreeByHandIsRefused) {
  const Result<void*> object = kmalloc(128);
  ASSERT_OK(object);
  u8* const bytes = static_cast<u8*>(object.value());
  EXPECT_ERROR(try_kfree(bytes + 8), Errc::not_allocated);
  EXPECT_ERROR(try_kfree(nullptr), Errc::not_allocated);
  static int data = 0;
  EXPECT_ERROR(try_kfree(&data), Errc::not_allocated);
  EXPECT_OK(try_kfree(bytes));
  EXPECT_ERROR(try_kfree(bytes), Errc::not_allocated);
}

KERNEL_TEST(slab, TypedObjectsHaveTheirOwnCache) {
  struct Record {
    explicit Record(u64 from) : value(from) {}
    u64 value, more[10];
  };
  static constinit ObjectCache<Record> cache("ktest records");
  const Result<Record*> record = cache.make(42);
  ASSERT_OK(record);
  EXPECT_EQ(record.value()->value, 42u);
  const SlabStats stats = cache.cache().stats();
  EXPECT_EQ(stats.active, 1u);
  EXPECT_EQ(stats.object_size, 88u);
  EXPECT_ERROR(try_kfree(record.value()), Errc::not_allocated);
  cache.destroy(record.value());
  cache.cache().close();
}

KERNEL_TEST(slab, OneAllocationFailsOnRequest) {
  FailAllocation failure(1);
  EXPECT_ERROR(kmalloc(64), Errc::out_of_frames);
  EXPECT_TRUE(failure.has_fired());
  const Result<void*> object = kmalloc(64);
  ASSERT_OK(object);
  kfree(object.value());
}

}  // namespace
}  // namespace meridian
