// SPDX-License-Identifier: MIT
/// The kernel half as a whole: the tables against the MMU, no page both writable and executable in
/// any alias, and the linear map as it was planned.
#include "mm/kernel/kernel_space.h"

#include <arch/paging.h>
#include <arch/translate.h>

#include "mm/frames/frames.h"
#include "mm/image.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/vmalloc.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

using arch::Access;
using arch::El;

/// The tables and the MMU say the same about one address.
void check_agreement(VirtAddr va) {
  const Result<Translation> ours = kernel_space().translate(va);
  const arch::MmuAnswer read = arch::ask_mmu(va, Access::read, El::el1);
  const arch::MmuAnswer write = arch::ask_mmu(va, Access::write, El::el1);
  if (ours.has_value() != read.ok) {
    EXPECT_EQ(va, VirtAddr(0));  // prints it
    return;
  }
  if (!read.ok) return;
  EXPECT_EQ(ours.value().pa, read.pa);
  EXPECT_TRUE(ours.value().attributes.type == read.type);
  EXPECT_EQ(ours.value().attributes.write, write.ok);
  EXPECT_FALSE(arch::ask_mmu(va, Access::read, El::el0).ok);
  const Result<Frame> frame = kernel_space().frame_of(va);
  ASSERT_OK(frame);
  EXPECT_TRUE(frame.value() == Frame::containing(read.pa));
}

}  // namespace

KERNEL_TEST(kernel_space, ItsRootIsTtbr1) {
  EXPECT_TRUE(kernel_space().root() == arch::kernel_root());
}

/// The first and last bytes of every region of the half, and their neighbours.
KERNEL_TEST(kernel_space, AgreesWithTheMmuAtEveryBoundaryOfTheLayout) {
  const VirtRange half = kernel_space().tables().mapper().half();
  for (const Region& region : current_layout().regions) {
    if (!half.contains(VirtAddr(region.first))) continue;
    for (const VirtAddr va : {VirtAddr(region.first), VirtAddr(region.last)}) {
      check_agreement(va);
      check_agreement(va - 1);
      check_agreement(va + 1);
    }
  }
}

/// The first and last bytes of every run of leaves that the dump shows, mapped and unmapped.
KERNEL_TEST(kernel_space, AgreesWithTheMmuAtEveryRunOfTheDump) {
  u64 runs = 0;
  kernel_space().dump([&](const DumpRun& run) {
    ++runs;
    check_agreement(run.range.start());
    check_agreement(run.range.last());
    if (run.kind == Kind::leaf) {
      const VirtAddr middle = run.range.start() + run.range.size() / 2;
      check_agreement(middle);
    }
  });
  EXPECT_GE(runs, 10);
}

/// Every page of the image, and the linear address of each.
KERNEL_TEST(kernel_space, AgreesWithTheMmuOnEveryPageOfTheImage) {
  for (VirtAddr va = image_range().start(); va < image_range().end(); va = va + kPageSize) {
    check_agreement(va + 0x7f8);
    const Result<Translation> here = kernel_space().translate(va);
    if (here.has_value()) check_agreement(linear_map.to_virt(here.value().pa).value());
  }
}

KERNEL_TEST(kernel_space, NothingIsWritableAndExecutable) {
  kernel_space().dump([](const DumpRun& run) {
    if (run.kind == Kind::leaf) EXPECT_FALSE(violates_wx(run.attributes));
  });
}

/// What can be executed can be written through no address: each executable frame is looked for in
/// every writable run.
KERNEL_TEST(kernel_space, NoAliasOfCodeIsWritable) {
  kernel_space().dump(kernel_space().tables().mapper().half(), Coalesce::rights_and_frames,
                      [&](const DumpRun& code) {
                        if (code.kind != Kind::leaf || !code.attributes.execute) return;
                        EXPECT_TRUE(image_text().contains(code.range));  // nothing else is code
                        const PhysRange frames(code.first.address(), code.range.size());
                        kernel_space().dump(
                            kernel_space().tables().mapper().half(), Coalesce::rights_and_frames,
                            [&](const DumpRun& other) {
                              if (other.kind != Kind::leaf || !other.attributes.write) return;
                              const PhysRange there(other.first.address(), other.range.size());
                              EXPECT_FALSE(there.overlaps(frames));
                            });
                      });
}

/// No user mapping in this half, and nothing that is not global.
KERNEL_TEST(kernel_space, EveryLeafIsGlobalAndTheKernels) {
  kernel_space().dump([](const DumpRun& run) {
    if (run.kind != Kind::leaf) return;
    EXPECT_FALSE(run.attributes.user);
    EXPECT_TRUE(run.attributes.global);
    EXPECT_TRUE(run.attributes.accessed);
  });
}

KERNEL_TEST(kernel_space, RefusesRightsThatNothingMayHave) {
  const VirtRange scratch = fixmap_range(FixSlot::scratch);
  const Frame frame = Frame::containing(linear_map.phys().start());
  EXPECT_ERROR(kernel_space().map(scratch, frame, {.write = true, .execute = true}),
               Errc::write_and_execute);
  EXPECT_ERROR(kernel_space().map(scratch, frame, kUserData), Errc::unsupported);
  EXPECT_ERROR(kernel_space().map_pages(scratch.start(), {&frame, 1}, kUserText),
               Errc::unsupported);
  EXPECT_ERROR(kernel_space().map(image_text(), frame, kKernelData), Errc::already_mapped);
  EXPECT_ERROR(kernel_space().protect(image_data(), {.write = true, .execute = true}),
               Errc::write_and_execute);
  EXPECT_ERROR(kernel_space().unmap({scratch.start() + 1, kPageSize}), Errc::not_aligned);
  EXPECT_ERROR(kernel_space().translate(VirtAddr(0x1000)), Errc::not_canonical);
  EXPECT_ERROR(kernel_space().frame_of(scratch.start()), Errc::not_mapped);
}

/// The scratch slot shows one frame, then another, then nothing; each change counts at once.
KERNEL_TEST(fixmap, ASlotShowsWhatItWasSetToLast) {
  Result<Frame> frames[] = {alloc_frame(FrameOwner::kernel), alloc_frame(FrameOwner::kernel)};
  const VirtAddr slot = fixmap_range(FixSlot::scratch).start();
  for (u64 i = 0; i < 2; ++i) {
    ASSERT_OK(frames[i]);
    *linear_map.pointer<volatile u64>(frames[i].value()) = 0x1111 * (i + 1);
  }
  for (u64 i = 0; i < 6; ++i) {
    const Frame frame = frames[i % 2].value();
    const Result<VirtAddr> at =
        fixmap_set(FixSlot::scratch, {frame.address(), kPageSize}, kKernelRodata);
    ASSERT_OK(at);
    EXPECT_EQ(at.value(), slot);
    EXPECT_EQ(*reinterpret_cast<volatile u64*>(slot.value()), 0x1111 * (i % 2 + 1));
    EXPECT_FALSE(arch::ask_mmu(slot, Access::write, El::el1).ok);
  }
  fixmap_clear(FixSlot::scratch);
  EXPECT_FALSE(arch::ask_mmu(slot, Access::read, El::el1).ok);
  const PhysAddr pa = frames[0].value().address();
  EXPECT_ERROR(fixmap_set(FixSlot::scratch, {pa, 2 * kPageSize}, kKernelData), Errc::too_large);
  EXPECT_ERROR(fixmap_set(FixSlot::scratch, {pa + 8, kPageSize}, kKernelData), Errc::not_aligned);
  EXPECT_ERROR(fixmap_set(FixSlot::scratch, {pa, 0}, kKernelData), Errc::bad_range);
  EXPECT_ERROR(fixmap_set(FixSlot::scratch, {pa, kPageSize}, {.write = true, .execute = true}),
               Errc::write_and_execute);
  for (const Result<Frame>& frame : frames) free_frame(frame.value());
}

/// One subtraction both ways, checked by the MMU, for the first, the last and scattered frames of
/// RAM.
KERNEL_TEST(linear_map, IsWhereTheMmuFindsRam) {
  const PhysRange reach = linear_map.phys();
  u64 mapped = 0;
  for (u64 i = 0; i < 4096; ++i) {
    const PhysAddr pa = reach.start() + align_down(reach.size() / 4096 * i, kPageSize) + 8;
    const VirtAddr va = linear_map.to_virt(pa).value();
    const arch::MmuAnswer answer = arch::ask_mmu(va, Access::read, El::el1);
    if (!answer.ok) continue;  // a hole between banks
    ++mapped;
    EXPECT_EQ(answer.pa, pa);
    EXPECT_EQ(linear_map.to_phys(va).value(), pa);
  }
  EXPECT_GT(mapped, 0);
  if (current_layout().image_place == ImagePlace::own_mapping)
    EXPECT_ERROR(linear_map.to_phys(image_text().start()), Errc::not_linear);
  EXPECT_ERROR(linear_map.to_phys(VirtAddr(0x1000)), Errc::not_linear);
  EXPECT_ERROR(linear_map.to_virt(reach.end()), Errc::not_linear);
}

/// Where neither the image nor the end of a bank is near, the leaf is as large as can be.
KERNEL_TEST(linear_map, UsesTheLargestLeaves) {
  const VirtRange all = linear_map.virt();
  u64 pages = 0, blocks = 0;
  kernel_space().dump(all, Coalesce::rights, [&](const DumpRun& run) {
    if (run.kind != Kind::leaf) return;
    EXPECT_TRUE(!run.attributes.execute || image_text().contains(run.range.start()));
    if (run.level == Level::L3)
      pages += run.range.size();
    else
      blocks += run.range.size();
  });
  // At most a block's worth of pages at each edge of a bank and of the image's parts.
  EXPECT_LE(pages, 16_MiB);
  EXPECT_GT(blocks, 0);
}

}  // namespace meridian
