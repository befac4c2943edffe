// SPDX-License-Identifier: MIT
/// vmalloc on the machine: what the MMU makes of its areas, that memory keeps what is written
/// through them, and that everything comes back.
#include "mm/kernel/vmalloc.h"

#include <arch/paging.h>
#include <arch/tlb.h>
#include <arch/translate.h>

#include <array>

#include "mm/frames/failure_injection.h"
#include "mm/frames/frames.h"
#include "mm/image.h"
#include "mm/kernel/ioremap.h"
#include "mm/kernel/kernel_space.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

using arch::Access;
using arch::El;

/// A small generator (xorshift), the same sequence in every run.
class Random {
 public:
  u64 below(u64 limit) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ % limit;
  }

 private:
  u64 state_ = 0x2545'f491'4f6c'dd1d;
};

u64 frames_of(FrameOwner owner) { return frame_stats().by_owner[static_cast<usize>(owner)]; }

bool mmu_finds(VirtAddr va) { return arch::ask_mmu(va, Access::read, El::el1).ok; }

/// The MMU's answer for each page of the area, and for the pages on both sides of it.
void check_with_the_mmu(VirtRange area) {
  for (u64 offset = 0; offset < area.size(); offset += kPageSize) {
    const VirtAddr va = area.start() + offset;
    const arch::MmuAnswer answer = arch::ask_mmu(va, Access::write, El::el1);
    ASSERT_TRUE(answer.ok);
    const Result<Frame> ours = vmalloc_to_frame(reinterpret_cast<void*>(va.value()));
    ASSERT_OK(ours);
    ASSERT_EQ(answer.pa, ours.value().address());
    ASSERT_TRUE(answer.type == MemoryType::normal && answer.inner_shareable);
    ASSERT_TRUE(frame_state(ours.value()).owner == FrameOwner::vmalloc);
    ASSERT_FALSE(arch::ask_mmu(va, Access::read, El::el0).ok);
  }
  EXPECT_FALSE(mmu_finds(area.start() - 1));
  EXPECT_FALSE(mmu_finds(area.end()));
}

VirtRange range_of(void* memory, u64 pages) { return {VirtAddr::of(memory), pages * kPageSize}; }

/// Every word of the area holds what depends on its place and on `salt`.
void fill(VirtRange area, u64 salt) {
  auto* words = reinterpret_cast<volatile u64*>(area.start().value());
  for (u64 i = 0; i < area.size() / sizeof(u64); i += 32) words[i] = i * 0x9e37'79b9 + salt;
}
bool holds(VirtRange area, u64 salt) {
  const auto* words = reinterpret_cast<const volatile u64*>(area.start().value());
  for (u64 i = 0; i < area.size() / sizeof(u64); i += 32)
    if (words[i] != i * 0x9e37'79b9 + salt) return false;
  return true;
}

}  // namespace

KERNEL_TEST(vmalloc, EveryPageIsWhereTheMmuFindsItAndTheNeighboursAreNot) {
  for (const u64 pages : {1, 2, 7, 15, 16, 17, 63, 127, 128, 255, 511, 512, 530, 1100}) {
    const Result<void*> memory = vmalloc(pages * kPageSize);
    ASSERT_OK(memory);
    check_with_the_mmu(range_of(memory.value(), pages));
    vfree(memory.value());
    EXPECT_FALSE(arch::ask_mmu(VirtAddr::of(memory.value()), Access::read, El::el1).ok);
  }
}

KERNEL_TEST(vmalloc, SizesThatAreNotWholePagesAreRoundedUp) {
  for (const usize size : {1, 8, 4095, 4097, 65537}) {
    const Result<void*> memory = vmalloc(size);
    ASSERT_OK(memory);
    const u64 pages = (size + 4095) / 4096;
    check_with_the_mmu(range_of(memory.value(), pages));
    vfree(memory.value());
  }
}

KERNEL_TEST(vmalloc, AreasAreAlignedAsAsked) {
  for (unsigned shift = 0; shift <= 24; ++shift) {
    const Result<void*> memory = vmalloc(3 * kPageSize, {.alignment = u64{1} << shift});
    ASSERT_OK(memory);
    EXPECT_TRUE(VirtAddr::of(memory.value()).is_aligned(u64{1} << shift));
    vfree(memory.value());
  }
}

/// 4 MiB are two blocks; 64 KiB are one contiguous run: the tables say so.
KERNEL_TEST(vmalloc, LargeAreasUseLargeLeaves) {
  // Tables stay: on i386 an earlier test may have left one at every address of the region.
  if (current_layout().region(RegionKind::vmalloc).size() < 1_GiB)
    SKIP_TEST("the region is small, and no address may be left without a table");
  const Result<void*> large = vmalloc(4_MiB), run = vmalloc(64_KiB);
  ASSERT_OK(large);
  ASSERT_OK(run);
  EXPECT_TRUE(kernel_space().translate(VirtAddr::of(large.value())).value().level == Level::L2);
  EXPECT_TRUE(kernel_space().translate(VirtAddr::of(run.value())).value().attributes.contiguous);
  vfree(large.value());
  vfree(run.value());
}

KERNEL_TEST(vmalloc, ZeroedMemoryIsZeroAlsoWhenItWasUsedBefore) {
  for (const u64 pages : {1, 5, 40, 600})
    for (int round = 0; round < 3; ++round) {
      const Result<void*> memory = vmalloc(
          pages * kPageSize, {.alignment = 32_KiB, .content = VmallocOptions::Content::zeroed});
      ASSERT_OK(memory);
      const VirtRange area = range_of(memory.value(), pages);
      const auto* words = reinterpret_cast<const volatile u64*>(area.start().value());
      u64 dirty = 0;
      for (u64 i = 0; i < area.size() / sizeof(u64); ++i) dirty += words[i] != 0;
      EXPECT_EQ(dirty, 0);
      fill(area, 1);
      vfree(memory.value());
      if (round == 1) vmalloc_flush();
    }
}

/// A few thousand random requests, each area filled with its own pattern: what is read back is what
/// was written, through whatever the TLBs remember.
KERNEL_TEST(vmalloc, MemoryKeepsWhatIsWrittenWhileAreasComeAndGo) {
  struct Held {
    void* memory = nullptr;
    u64 pages = 0;
  };
  static std::array<Held, 64> held;
  held = {};
  Random random;
  for (u64 step = 0; step < 4000; ++step) {
    const usize slot = random.below(held.size());
    Held& one = held[slot];
    if (one.memory != nullptr) {
      ASSERT_TRUE(holds(range_of(one.memory, one.pages), slot));
      vfree(one.memory);
      one.memory = nullptr;
      continue;
    }
    one.pages = 1 + random.below(random.below(16) == 0 ? 150 : 20);
    one.memory = vmalloc(one.pages * kPageSize).value_or(nullptr);
    ASSERT_TRUE(one.memory != nullptr);
    fill(range_of(one.memory, one.pages), slot);
  }
  for (usize slot = 0; slot < held.size(); ++slot) {
    if (held[slot].memory == nullptr) continue;
    EXPECT_TRUE(holds(range_of(held[slot].memory, held[slot].pages), slot));
    vfree(held[slot].memory);
  }
}

/// After a flush vmalloc holds no frame that nobody holds.
KERNEL_TEST(vmalloc, EverythingComesBack) {
  static std::array<void*, 200> areas;
  vmalloc_flush();
  const u64 before = frames_of(FrameOwner::vmalloc);
  for (usize i = 0; i < areas.size(); ++i)
    areas[i] = vmalloc((1 + i) * kPageSize).value_or(nullptr);
  EXPECT_EQ(frames_of(FrameOwner::vmalloc) != before, true);
  for (void* area : areas) vfree(area);
  vmalloc_flush();
  EXPECT_EQ(frames_of(FrameOwner::vmalloc), before);
  EXPECT_EQ(vmalloc_stats().lazy_frames, 0);

  // The second time not even a table is new.
  const u64 free = free_frame_count(), tables = frames_of(FrameOwner::table);
  for (usize i = 0; i < areas.size(); ++i)
    areas[i] = vmalloc((1 + i) * kPageSize).value_or(nullptr);
  for (void* area : areas) vfree(area);
  vmalloc_flush();
  EXPECT_EQ(free_frame_count(), free);
  EXPECT_EQ(frames_of(FrameOwner::table), tables);
}

KERNEL_TEST(vmalloc, AThousandFreesNeedFewInvalidations) {
  const u64 before = arch::tlbi_count();
  for (int i = 0; i < 1000; ++i) {
    const Result<void*> memory = vmalloc(kPageSize);
    ASSERT_OK(memory);
    vfree(memory.value());
  }
  EXPECT_LE(arch::tlbi_count() - before, 1000 / 32);
}

/// Whichever allocation (of frames or records) is refused, nothing is left behind, and the request
/// either fails by name or finds another way.
KERNEL_TEST(vmalloc, ARefusedAllocationAnywhereLeavesNothingBehind) {
  for (const u64 pages : {1, 20, 200, 700}) {
    vfree(vmalloc(pages * kPageSize).value_or(nullptr));
    vmalloc_flush();
    const u64 before = frames_of(FrameOwner::vmalloc);
    for (u64 nth = 1; nth < 2000; ++nth) {
      FailAllocation failure(nth);
      const Result<void*> memory = vmalloc(pages * kPageSize);
      const bool fired = failure.has_fired();
      if (memory.has_value())
        vfree(memory.value());
      else
        EXPECT_TRUE(memory.error().code == Errc::out_of_frames);
      vmalloc_flush();
      ASSERT_EQ(frames_of(FrameOwner::vmalloc), before);
      if (!fired) break;
    }
  }
}

KERNEL_TEST(vmalloc, AbsurdRequestsAreRefusedByName) {
  EXPECT_ERROR(vmalloc(0), Errc::bad_range);
  for (const usize size :
       {usize{1} << 63, ~usize{0}, ~usize{0} - 4095, usize{1} << 48, usize{1} << 40})
    EXPECT_ERROR(vmalloc(size), Errc::too_large);
  EXPECT_ERROR(vmalloc(4096, {.alignment = 0}), Errc::not_aligned);
  EXPECT_ERROR(vmalloc(4096, {.alignment = 12288}), Errc::not_aligned);
  EXPECT_ERROR(vmalloc(4096, {.alignment = u64{1} << 63}), Errc::out_of_address_space);
  EXPECT_ERROR(vmap({}, kKernelData), Errc::bad_range);
  // More than there is, though not more than the machine could hold: refused after it was tried.
  const u64 all = frame_stats().present * kPageSize;
  vmalloc_flush();
  const u64 before = frames_of(FrameOwner::vmalloc);
  const bool has_addresses = current_layout().region(RegionKind::vmalloc).size() > all;
  EXPECT_ERROR(vmalloc(all), has_addresses ? Errc::out_of_frames : Errc::out_of_address_space);
  EXPECT_EQ(frames_of(FrameOwner::vmalloc), before);
}

KERNEL_TEST(vmalloc, BadFreesAreRefusedByName) {
  const Result<void*> memory = vmalloc(5 * kPageSize);
  ASSERT_OK(memory);
  const VirtAddr start = VirtAddr::of(memory.value());
  for (const u64 offset : {u64{1}, u64{8}, u64{4096}, 5 * kPageSize, 0 - kPageSize, u64{1} << 40})
    EXPECT_ERROR(try_vfree(start + offset), Errc::not_allocated);
  EXPECT_ERROR(try_vunmap(start), Errc::not_allocated);
  EXPECT_ERROR(try_iounmap(start), Errc::not_allocated);
  EXPECT_ERROR(try_vfree(image_text().start()), Errc::not_allocated);
  EXPECT_ERROR(try_vfree(VirtAddr(0)), Errc::not_allocated);
  EXPECT_ERROR(try_vfree(VirtAddr(0x1234'5678)), Errc::not_allocated);
  Random random;
  for (int i = 0; i < 1000; ++i)
    EXPECT_ERROR(try_vfree(VirtAddr(random.below(~u64{0}) | 1)), Errc::not_allocated);
  EXPECT_OK(try_vfree(start));
  EXPECT_ERROR(try_vfree(start), Errc::not_allocated);
  vfree(nullptr);
}

/// Two mappings of one frame are one memory, in the order the frames were given.
KERNEL_TEST(vmalloc, MappedFramesAreTheFramesThatWereGiven) {
  std::array<Frame, 3> frames;
  for (Frame& frame : frames) frame = alloc_frame(FrameOwner::kernel).value();
  const std::array<Frame, 4> order{frames[2], frames[0], frames[1], frames[0]};
  const Result<void*> mapped = vmap(order, kKernelData);
  ASSERT_OK(mapped);
  auto* bytes = static_cast<volatile u8*>(mapped.value());
  bytes[kPageSize + 17] = 0x5a;
  EXPECT_EQ(bytes[3 * kPageSize + 17], 0x5a);
  EXPECT_EQ(linear_map.pointer<volatile u8>(frames[0])[17], 0x5a);
  linear_map.pointer<volatile u8>(frames[2])[0] = 0xa5;
  EXPECT_EQ(bytes[0], 0xa5);

  const VirtAddr start = VirtAddr::of(mapped.value());
  const u64 before = arch::tlbi_count();
  vunmap(mapped.value());
  EXPECT_GE(arch::tlbi_count() - before, 1);
  EXPECT_FALSE(mmu_finds(start));
  EXPECT_ERROR(try_vunmap(start), Errc::not_allocated);
  for (const Frame frame : frames) free_frame(frame);
}

KERNEL_TEST(vmalloc, AFrameIsFoundForAnyMappedKernelAddress) {
  const Result<Frame> text = vmalloc_to_frame(__text_start);
  ASSERT_OK(text);
  EXPECT_EQ(text.value().address(), image_to_phys(image_text().start()).value());
  const void* linear = linear_map.pointer(text.value());
  EXPECT_TRUE(vmalloc_to_frame(linear).value() == text.value());
  EXPECT_ERROR(vmalloc_to_frame(reinterpret_cast<void*>(0x1000)), Errc::not_canonical);
  const VirtAddr unmapped = current_layout().region(RegionKind::vmalloc).range().last();
  EXPECT_ERROR(vmalloc_to_frame(reinterpret_cast<void*>(unmapped.value())), Errc::not_mapped);
}

KERNEL_TEST(vmalloc, TheListIsInOrderAndHoldsTheImage) {
  const Result<void*> memory = vmalloc(3 * kPageSize);
  ASSERT_OK(memory);
  VirtAddr end(0);
  u64 found = 0, images = 0;
  for_each_area([&](const AreaInfo& area) {
    EXPECT_LE(end, area.range.start());
    end = area.range.end();
    images += area.kind == AreaKind::image;
    if (area.range.start() != VirtAddr::of(memory.value())) return;
    ++found;
    EXPECT_EQ(area.range.size(), 3 * kPageSize);
    EXPECT_EQ(area.phys, vmalloc_to_frame(memory.value()).value().address());
    EXPECT_TRUE(image_text().contains(VirtAddr::of(area.caller)));
  });
  EXPECT_EQ(found, 1);
  const bool has_image =
      current_layout().find(RegionKind::vmalloc)->contains(image_range().start());
  EXPECT_TRUE(has_image ? images >= 3 : images == 0);
  vfree(memory.value());
}

KERNEL_TEST(ioremap, RefusesWhatIsNotADevice) {
  const PhysAddr ram = image_to_phys(image_data().start()).value();
  EXPECT_ERROR(ioremap({ram, kPageSize}), Errc::already_mapped);
  EXPECT_ERROR(ioremap({ram - 1_GiB, u64{1} << 40}), Errc::already_mapped);
  EXPECT_ERROR(ioremap({PhysAddr(0x900'0000), 0}), Errc::bad_range);
  EXPECT_ERROR(ioremap({PhysAddr(~u64{0}), 2}), Errc::bad_range);
  EXPECT_ERROR(ioremap({PhysAddr(u64{1} << 48), 8}), Errc::too_large);
  EXPECT_ERROR(ioremap({PhysAddr((u64{1} << 48) - 4), 8}), Errc::too_large);
  EXPECT_ERROR(ioremap({PhysAddr(0x900'0000), 8}, MemoryType::normal), Errc::unsupported);
}

/// The offset within the page is kept, and the MMU says that it is device memory.
KERNEL_TEST(ioremap, MapsRegistersAsDeviceMemory) {
  // Below RAM on every machine that this kernel knows; it is mapped, not touched.
  const PhysAddr registers(0x0010'0ff8);
  for (const MemoryType type : {MemoryType::device, MemoryType::device_strict}) {
    const Result<void*> mapped = ioremap({registers, 16}, type);
    ASSERT_OK(mapped);
    const VirtAddr va = VirtAddr::of(mapped.value());
    EXPECT_EQ(va.value() % kPageSize, 0xff8);
    for (const u64 offset : {0, 15}) {
      const arch::MmuAnswer answer = arch::ask_mmu(va + offset, Access::write, El::el1);
      ASSERT_TRUE(answer.ok);
      EXPECT_EQ(answer.pa, registers + offset);
      EXPECT_TRUE(answer.type == type);
    }
    EXPECT_ERROR(try_vfree(va.align_down(kPageSize)), Errc::not_allocated);
    iounmap(mapped.value());
    EXPECT_FALSE(mmu_finds(va));
    EXPECT_ERROR(try_iounmap(va), Errc::not_allocated);
  }
}

/// A window of 64 MiB, aligned, needs 32 leaves and no page.
KERNEL_TEST(ioremap, LargeDevicesUseBlocks) {
  if (current_layout().region(RegionKind::vmalloc).size() < 1_GiB)
    SKIP_TEST("the region is small, and such an area may not fit");
  const Result<void*> mapped = ioremap({PhysAddr(0x1000'0000), 64_MiB});
  ASSERT_OK(mapped);
  const VirtAddr va = VirtAddr::of(mapped.value());
  EXPECT_TRUE(kernel_space().translate(va + 33_MiB).value().level == Level::L2);
  EXPECT_EQ(arch::ask_mmu(va + 33_MiB, Access::read, El::el1).pa, PhysAddr(0x1210'0000));
  iounmap(mapped.value());
}

}  // namespace meridian
