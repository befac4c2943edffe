// SPDX-License-Identifier: MIT
/// What is there to catch bugs must catch them: guard pages, rights in every alias, the refusal of
/// writable code, the overflow bit of SP. Each is set off here, on purpose.
#include <arch/probe.h>
#include <arch/translate.h>

#include <bit>

#include "mm/image.h"
#include "mm/kernel/kernel_space.h"
#include "mm/kernel/linear_map.h"
#include "mm/kernel/vmalloc.h"
#include "mm/slab/kmalloc.h"
#include "tests/kernel/expect_fault.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

using arch::probe;
using arch::probe_store;
using arch::ProbeKind;

/// The instruction `ret`, as a program that writes code would write it.
constexpr u32 kRet = 0xd65f'03c0;

/// The linear address of a byte of the image.
VirtAddr linear_alias(VirtAddr image_address) {
  return linear_map.to_virt(image_to_phys(image_address).value()).value();
}

/// vmalloc memory that goes back by itself.
class Memory {
 public:
  explicit Memory(usize size) : memory_(vmalloc(size).value_or(nullptr)) {}
  ~Memory() { vfree(memory_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  bool ok() const { return memory_ != nullptr; }
  VirtAddr start() const { return VirtAddr::of(memory_); }

 private:
  void* memory_;
};

}  // namespace

/// One byte past the end of a vmalloc area is an unmapped page, whatever the size.
KERNEL_TEST(detectors, AVmallocOverrunMeetsTheGuardPage) {
  for (const usize pages : {1, 2, 3, 16, 100}) {
    const Memory area(pages * kPageSize);
    ASSERT_TRUE(area.ok());
    const VirtAddr end = area.start() + pages * kPageSize;
    EXPECT_TRUE(probe(end - 1, ProbeKind::store).ok);
    EXPECT_FAULT(probe(end, ProbeKind::load8), translation, read, end);
    EXPECT_FAULT(probe_store(end, 1, 0), translation, write, end);
  }
}

/// Freed memory is gone from the tables at once; after the flush no TLB knows it either.
KERNEL_TEST(detectors, UseAfterVfreeFaults) {
  VirtAddr freed;
  {
    const Memory area(3 * kPageSize);
    ASSERT_TRUE(area.ok());
    freed = area.start() + kPageSize;
    EXPECT_TRUE(probe_store(freed, 8, 1).ok);
  }
  EXPECT_FALSE(arch::ask_mmu(freed, arch::Access::read, arch::El::el1).ok);
  vmalloc_flush();
  EXPECT_FAULT(probe(freed, ProbeKind::load64), translation, read, freed);
}

KERNEL_TEST(detectors, TheBootStackHasAnUnmappedPageBelowIt) {
  const VirtAddr below = boot_stack().start() - 1;
  EXPECT_TRUE(probe(boot_stack().start(), ProbeKind::load8).ok);
  EXPECT_FAULT(probe(below, ProbeKind::load8), translation, read, below);
}

/// The vectors find an overflow by one bit of SP: set in all of a stack, clear right below it.
KERNEL_TEST(detectors, OneBitOfSpTellsAStackFromWhatIsBelowIt) {
  const Result<VirtRange> stack = alloc_kernel_stack();
  ASSERT_OK(stack);
  for (const VirtRange& range : {stack.value(), boot_stack()}) {
    EXPECT_EQ(range.size(), kKernelStackSize);
    EXPECT_EQ(range.start().value() & kKernelStackSize, kKernelStackSize);
    EXPECT_EQ(range.last().value() & kKernelStackSize, kKernelStackSize);
    EXPECT_EQ((range.start() - 1).value() & kKernelStackSize, 0);
  }
  const VirtAddr below = stack.value().start() - 16, above = stack.value().end();
  EXPECT_FAULT(probe_store(below, 8, 0), translation, write, below);
  EXPECT_FAULT(probe_store(above, 8, 0), translation, write, above);
  EXPECT_FAULT(probe(below - kKernelStackSize + 16, ProbeKind::load8), translation, read,
               below - kKernelStackSize + 16);
  EXPECT_TRUE(probe_store(stack.value().end() - 8, 8, 0).ok);
  free_kernel_stack(stack.value());
}

/// The image is in the linear map too; its code must not be writable there.
KERNEL_TEST(detectors, TheLinearAliasOfTextAndRodataIsReadOnly) {
  for (const VirtRange& part : {image_text(), image_rodata()}) {
    for (const VirtAddr va : {part.start(), part.last()}) {
      const VirtAddr alias = linear_alias(va);
      EXPECT_EQ(probe(alias, ProbeKind::load8).value, probe(va, ProbeKind::load8).value);
      EXPECT_FAULT(probe(alias, ProbeKind::store), permission, write, alias);
    }
  }
}

/// But the image, under a layout that runs it there.
KERNEL_TEST(detectors, NothingInTheLinearMapCanBeExecuted) {
  const VirtAddr text = linear_alias(image_text().start());
  if (text != image_text().start())
    EXPECT_FAULT(probe(text, ProbeKind::execute), permission, execute, text);

  const Result<void*> memory = kmalloc(64);
  ASSERT_OK(memory);
  const VirtAddr code = VirtAddr::of(memory.value());
  EXPECT_TRUE(probe_store(code, 4, kRet).ok);
  EXPECT_FAULT(probe(code, ProbeKind::execute), permission, execute, code);
  kfree(memory.value());
}

KERNEL_TEST(detectors, VmallocMemoryCannotBeExecuted) {
  const Memory area(kPageSize);
  ASSERT_TRUE(area.ok());
  EXPECT_TRUE(probe_store(area.start(), 4, kRet).ok);
  EXPECT_FAULT(probe(area.start(), ProbeKind::execute), permission, execute, area.start());
}

/// Code may be mapped, writable memory may be mapped, both at once may not; nor at EL0's disposal.
KERNEL_TEST(detectors, AMappingThatIsWritableAndExecutableIsRefused) {
  const Result<Frame> frame = alloc_frame(FrameOwner::vmalloc);
  ASSERT_OK(frame);
  const Frame frames[] = {frame.value()};
  EXPECT_ERROR(vmap(frames, {.write = true, .execute = true}), Errc::write_and_execute);
  EXPECT_ERROR(vmap(frames, kUserData), Errc::unsupported);

  const Memory area(kPageSize);
  ASSERT_TRUE(area.ok());
  const VirtRange page(area.start(), kPageSize);
  EXPECT_ERROR(kernel_space().protect(page, {.write = true, .execute = true}),
               Errc::write_and_execute);
  EXPECT_TRUE(probe_store(area.start(), 8, 0).ok);  // still what it was
  free_frame(frame.value());
}

/// A page whose rights were taken away refuses at once: the TLB has been told.
KERNEL_TEST(detectors, ReadOnlyCountsFromTheMomentItIsSet) {
  const Memory area(2 * kPageSize);
  ASSERT_TRUE(area.ok());
  const VirtAddr first = area.start(), second = area.start() + kPageSize;
  EXPECT_TRUE(probe_store(first, 8, 7).ok);  // so that the TLB holds it as writable
  ASSERT_OK(kernel_space().protect({first, kPageSize}, kKernelRodata));
  EXPECT_FAULT(probe_store(first, 8, 8), permission, write, first);
  EXPECT_EQ(probe(first, ProbeKind::load64).value, 7);
  EXPECT_TRUE(probe_store(second, 8, 9).ok);
  ASSERT_OK(kernel_space().protect({first, kPageSize}, kKernelData));
  EXPECT_TRUE(probe_store(first, 8, 8).ok);
}

/// AF = 0 is a fault of its own kind: the first access shows.
KERNEL_TEST(detectors, APageNotYetAccessedGivesAnAccessFlagFault) {
  const Memory area(kPageSize);
  ASSERT_TRUE(area.ok());
  Attributes untouched = kKernelData;
  untouched.accessed = false;
  ASSERT_OK(kernel_space().protect({area.start(), kPageSize}, untouched));
  EXPECT_FAULT(probe(area.start(), ProbeKind::load8), access_flag, read, area.start());
  EXPECT_FAULT(probe_store(area.start(), 1, 0), access_flag, write, area.start());
  ASSERT_OK(kernel_space().protect({area.start(), kPageSize}, kKernelData));
}

/// What the tables say and what the MMU does agree on every right, for every region with a page in
/// it.
KERNEL_TEST(detectors, TheKernelHalfIsClosedToEl0Everywhere) {
  kernel_space().dump([](const DumpRun& run) {
    if (run.kind != Kind::leaf) return;
    for (const VirtAddr va : {run.range.start(), run.range.last()}) {
      EXPECT_FALSE(arch::ask_mmu(va, arch::Access::read, arch::El::el0).ok);
      EXPECT_FALSE(arch::ask_mmu(va, arch::Access::write, arch::El::el0).ok);
    }
  });
}

}  // namespace meridian
