// SPDX-License-Identifier: MIT
/// The kernel half as the kernel binds it together: vmalloc, ioremap, the kernel space, the fixmap
/// and the frame table's backing on a machine of the host's, with real frames, slabs and tables.
/// What the tables say is read by a walker of the tests' own.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "fake_ram.h"
#include "mm/frames/failure_injection.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/ioremap.h"
#include "mm/kernel/kernel_space.h"
#include "mm/kernel/vmalloc.h"
#include "mm/layout/arm64.h"
#include "mm/slab/kmalloc.h"
#include "mm/slab/slab.h"
#include "model_decoders.h"
#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

constexpr PhysRange kRam{PhysAddr(0x4000'0000), 256_MiB};
constexpr VirtRange kText{VirtAddr(0xffff'8000'0800'0000), 0x4'5000};
constexpr VirtRange kData{VirtAddr(0xffff'8000'0804'5000), 0x8'0000};

/// A machine with a kernel half; at the end all of its memory must have come back.
class KernelHalf : public testing::Test {
 protected:
  KernelHalf() : machine_(std::initializer_list<PhysRange>{kRam}), decoder_(true, 48) {
    const Frame root = alloc_frame(FrameOwner::table).value();
    arch::clear_page(linear_map.pointer(root));
    kernel_space().start(root);
    const ImagePart parts[] = {{kText, "text"}, {kData, "data"}};
    EXPECT_TRUE(vmalloc_start(kRam.size() / 4096, parts).has_value());
    ioremap_start(machine_.map);
  }
  ~KernelHalf() override {
    close_vmalloc();
    kernel_space().tables().mapper().release_tables();
    free_frame(kernel_space().root());
    for (arch::fake_cpu = 0; arch::fake_cpu < arch::kMaxCpus; ++arch::fake_cpu) drain_slab_caches();
    arch::fake_cpu = 0;
    close_kmalloc();
    EXPECT_EQ(free_frame_count() + machine_.backing.frames(), kRam.size() / 4096);
    EXPECT_EQ(arch::fake_irq_depth, 0);
  }

  /// What a strict reading of the manual finds for `va`; level 4 if nothing.
  model::Leaf walk(VirtAddr va) {
    u64 table = kernel_space().root().address().value();
    for (unsigned level = 0; level < 4; ++level) {
      const u64 index = va.value() >> (12 + 9 * (3 - level)) & 511;
      const u64 raw = linear_map.pointer<u64>(PhysAddr(table))[index];
      const model::Decoded entry = decoder_.decode(level, raw);
      EXPECT_NE(entry.is, model::Decoded::Is::reserved) << entry.complaint;
      if (entry.is == model::Decoded::Is::leaf) {
        model::Leaf leaf = entry.leaf;
        leaf.pa += va.value() % (u64{4096} << 9 * (3 - level));
        return leaf;
      }
      if (entry.is != model::Decoded::Is::table) break;
      table = entry.table;
    }
    return {.level = 4};
  }
  bool is_mapped(VirtAddr va) { return walk(va).level != 4; }

  void check_area(VirtRange area, const Attributes& attributes = kKernelData) {
    for (u64 offset = 0; offset < area.size(); offset += kPageSize) {
      const model::Leaf leaf = walk(area.start() + offset);
      ASSERT_NE(leaf.level, 4u) << offset;
      EXPECT_TRUE(model::grants(leaf, attributes));
    }
    EXPECT_FALSE(is_mapped(area.start() - 1));
    EXPECT_FALSE(is_mapped(area.end()));
  }

  static VirtAddr address(const Result<void*>& memory) { return VirtAddr::of(memory.value()); }
  static u64 vmalloc_frames() {
    return frame_stats().by_owner[static_cast<usize>(FrameOwner::vmalloc)];
  }

  FakeMachine machine_;
  model::VmsaDecoder decoder_;
};

TEST_F(KernelHalf, VmallocMapsWholePagesOfItsOwn) {
  for (const usize size : {1, 4095, 4096, 4097, 65536, 300'000, 2 << 20, 5 << 20}) {
    const Result<void*> memory = vmalloc(size);
    ASSERT_TRUE(memory.has_value());
    const VirtRange area(address(memory), align_up(size, 4096));
    check_area(area);
    EXPECT_EQ(vmalloc_frames(), area.size() / 4096);
    for (u64 offset = 0; offset < size; offset += 4096) {
      const auto at = reinterpret_cast<const void*>((area.start() + offset).value());
      EXPECT_EQ(vmalloc_to_frame(at).value().address().value(), walk(area.start() + offset).pa);
    }
    vfree(memory.value());
    EXPECT_FALSE(is_mapped(area.start()));
    EXPECT_FALSE(vmalloc_to_frame(memory.value()).has_value());
    vmalloc_flush();
    EXPECT_EQ(vmalloc_frames(), 0u);
  }
}

/// What is zeroed is zero in the frames themselves, though they were full of something else.
TEST_F(KernelHalf, ZeroedMemoryIsZero) {
  for (int round = 0; round < 2; ++round) {
    const Result<void*> memory =
        vmalloc(40 * 4096, {.alignment = 64_KiB, .content = VmallocOptions::Content::zeroed});
    ASSERT_TRUE(memory.has_value());
    EXPECT_TRUE(address(memory).is_aligned(64_KiB));
    for (u64 page = 0; page < 40; ++page) {
      auto* bytes = linear_map.pointer<u8>(PhysAddr(walk(address(memory) + page * 4096).pa));
      EXPECT_EQ(std::count(bytes, bytes + 4096, 0), 4096);
      std::memset(bytes, 0x77, 4096);
    }
    vfree(memory.value());
    vmalloc_flush();
  }
}

TEST_F(KernelHalf, AbsurdRequestsAreRefusedByName) {
  const auto code = [](const auto& result) { return result.error().code; };
  EXPECT_EQ(code(vmalloc(0)), Errc::bad_range);
  std::mt19937_64 random(test_seed());
  for (int i = 0; i < 3000; ++i) {
    const usize size = kRam.size() + 1 + (random() >> random() % 40);
    const Result<void*> memory = vmalloc(size);
    ASSERT_FALSE(memory.has_value());
    EXPECT_EQ(memory.error(), (Error{Errc::too_large, size}));
    count_bad_input("vmalloc");
  }
  for (u64 alignment : {u64{0}, u64{3}, u64{4097}, u64{12288}, ~u64{0}}) {
    EXPECT_EQ(vmalloc(4096, {.alignment = alignment}).error(),
              (Error{Errc::not_aligned, alignment}));
    count_bad_input("vmalloc");
  }
  EXPECT_EQ(code(vmalloc(4096, {.alignment = u64{1} << 62})), Errc::out_of_address_space);
  EXPECT_EQ(code(vmalloc(kRam.size())), Errc::out_of_frames);
  vmalloc_flush();
  EXPECT_EQ(vmalloc_frames(), 0u);
}

TEST_F(KernelHalf, BadFreesAreRefusedByNameOrStopTheMachine) {
  const Result<void*> memory = vmalloc(3 * 4096);
  const VirtAddr start = address(memory);
  EXPECT_EQ(try_vfree(start + 4096).error(), (Error{Errc::not_allocated, (start + 4096).value()}));
  EXPECT_EQ(try_vunmap(start).error().code, Errc::not_allocated);
  EXPECT_EQ(try_iounmap(start).error().code, Errc::not_allocated);
  EXPECT_THROW(vfree(reinterpret_cast<void*>(0x1234)), std::logic_error);
  EXPECT_THROW(vunmap(memory.value()), std::logic_error);
  EXPECT_THROW(iounmap(memory.value()), std::logic_error);
  EXPECT_THROW(free_kernel_stack({start, 16_KiB}), std::logic_error);
  vfree(memory.value());
  EXPECT_THROW(vfree(memory.value()), std::logic_error);
  vfree(nullptr);
  vunmap(nullptr);
  iounmap(nullptr);
}

TEST_F(KernelHalf, MappedFramesStayTheCallers) {
  std::array<Frame, 3> frames;
  for (Frame& frame : frames) frame = alloc_frame(FrameOwner::kernel).value();
  const Result<void*> mapped = vmap(frames, kKernelRodata);
  ASSERT_TRUE(mapped.has_value());
  check_area({address(mapped), 3 * 4096}, kKernelRodata);
  for (u64 i = 0; i < 3; ++i)
    EXPECT_EQ(walk(address(mapped) + i * 4096).pa, frames[i].address().value());
  const u64 before = arch::tlbi_count();
  vunmap(mapped.value());
  EXPECT_EQ(arch::tlbi_count() - before, 3u) << "each page, at once";
  EXPECT_FALSE(is_mapped(address(mapped)));
  for (const Frame frame : frames) free_frame(frame);

  EXPECT_EQ(vmap({}, kKernelData).error().code, Errc::bad_range);
  EXPECT_EQ(vmap(frames, {.write = true, .execute = true}).error().code, Errc::write_and_execute);
  EXPECT_EQ(vmap(frames, kUserData).error().code, Errc::unsupported);
}

TEST_F(KernelHalf, StacksLieInTheUpperHalvesOfTheirSlots) {
  for (int i = 0; i < 3; ++i) {
    const Result<VirtRange> stack = alloc_kernel_stack();
    ASSERT_TRUE(stack.has_value());
    EXPECT_EQ(stack.value().size(), 16_KiB);
    EXPECT_EQ(stack.value().start().value() % 32_KiB, 16_KiB);
    check_area(stack.value());
    free_kernel_stack(stack.value());
  }
}

TEST_F(KernelHalf, DevicesKeepTheirOffset) {
  const PhysRange uart(PhysAddr(0x0900'0ff0), 0x20);
  for (const MemoryType type :
       {MemoryType::device, MemoryType::device_strict, MemoryType::normal_uncached}) {
    const Result<void*> mapped = ioremap(uart, type);
    ASSERT_TRUE(mapped.has_value());
    EXPECT_EQ(address(mapped).value() % 4096, 0xff0u);
    check_area({address(mapped) - 0xff0, 2 * 4096}, {.type = type, .write = true});
    EXPECT_EQ(walk(address(mapped)).pa, 0x0900'0ff0u);
    iounmap(mapped.value());
    EXPECT_FALSE(is_mapped(address(mapped)));
  }
}

/// A cross product of starts and sizes around everything that matters.
TEST_F(KernelHalf, DeviceRangesThatAreNotAreRefusedByName) {
  const u64 edges[] = {0,
                       1,
                       0xfff,
                       0x1000,
                       0x3fff'ffff,
                       0x4000'0000,
                       0x4fff'ffff,
                       0x5000'0000,
                       u64{1} << 47,
                       (u64{1} << 48) - 1,
                       u64{1} << 48,
                       u64{1} << 63,
                       ~u64{0}};
  for (const u64 start : edges)
    for (const u64 size : edges)
      for (const MemoryType type : {MemoryType::device, MemoryType::normal}) {
        const bool wraps = size != 0 && start + (size - 1) < start;
        const u64 last = start + size - 1;
        Errc expected = Errc::unsupported;
        if (size == 0 || wraps)
          expected = Errc::bad_range;
        else if (last >= u64{1} << 48)
          expected = Errc::too_large;
        else if (type != MemoryType::normal) {
          if (start > 0x4fff'ffff || last < 0x4000'0000) continue;  // a device
          expected = Errc::already_mapped;
        }
        const Result<void*> mapped = ioremap({PhysAddr(start), size}, type);
        ASSERT_FALSE(mapped.has_value()) << std::hex << start << " " << size;
        EXPECT_EQ(mapped.error().code, expected) << std::hex << start << " " << size;
        count_bad_input("ioremap");
      }
  const Error error = ioremap({PhysAddr(0x3000'0000), 1_GiB}).error();
  EXPECT_EQ(error, (Error{Errc::already_mapped, 0x4000'0000})) << "the first address that is RAM";
}

TEST_F(KernelHalf, TheListNamesTheImageAndWhoAsked) {
  const Result<void*> memory = vmalloc(4096);
  std::vector<AreaInfo> areas;
  for_each_area([&](const AreaInfo& area) { areas.push_back(area); });
  ASSERT_EQ(areas.size(), 3u);
  EXPECT_EQ(areas[0].range, kText);
  EXPECT_EQ(areas[0].name, "text");
  EXPECT_EQ(areas[1].range, kData);
  EXPECT_EQ(areas[1].kind, AreaKind::image);
  EXPECT_EQ(areas[2].range, VirtRange(address(memory), 4096));
  EXPECT_EQ(areas[2].phys.value(), walk(address(memory)).pa);
  EXPECT_NE(areas[2].caller, nullptr);
  EXPECT_EQ(vmalloc_stats().frames, 1u);
  EXPECT_EQ(vmalloc_stats().total, 0xffff'fbff'f000'0000 - 0xffff'8000'0800'0000);
  vfree(memory.value());
}

TEST_F(KernelHalf, KindsHaveNames) {
  EXPECT_STREQ(name_of(AreaKind::vmalloc), "vmalloc");
  EXPECT_STREQ(name_of(AreaKind::vmap), "vmap");
  EXPECT_STREQ(name_of(AreaKind::ioremap), "ioremap");
  EXPECT_STREQ(name_of(AreaKind::kernel_stack), "stack");
  EXPECT_STREQ(name_of(AreaKind::image), "image");
}

/// One allocation, of whatever sort, is refused at a time: the request finds another way after a
/// flush, or fails by name; either way nothing is left.
TEST_F(KernelHalf, OneRefusalAnywhereLeavesNothingBehind) {
  for (const u64 pages : {1, 30, 600})
    for (u64 nth = 1;; ++nth) {
      bool fired;
      {
        FailAllocation failure(nth);
        const Result<void*> memory = vmalloc(pages * 4096);
        fired = failure.has_fired();
        if (memory.has_value())
          vfree(memory.value());
        else
          EXPECT_EQ(memory.error().code, Errc::out_of_frames);
      }
      vmalloc_flush();
      ASSERT_EQ(vmalloc_frames(), 0u);
      if (!fired) break;
      count_injections("vmalloc: anything");
    }
}

TEST_F(KernelHalf, TheSpaceRefusesRightsThatNothingMayHave) {
  const VirtRange page(fixmap_range(FixSlot::scratch));
  const Frame frame = Frame::containing(kRam.start());
  EXPECT_EQ(kernel_space().map(page, frame, {.write = true, .execute = true}).error().code,
            Errc::write_and_execute);
  EXPECT_EQ(kernel_space().map_pages(page.start(), {&frame, 1}, kUserData).error().code,
            Errc::unsupported);
  EXPECT_EQ(kernel_space().protect(page, kUserText).error().code, Errc::unsupported);
  EXPECT_FALSE(is_mapped(page.start()));
  EXPECT_EQ(kernel_space().translate(VirtAddr(0x1000)).error().code, Errc::not_canonical);
  EXPECT_EQ(kernel_space().frame_of(page.start()).error().code, Errc::not_mapped);
  EXPECT_EQ(kernel_space().unmap({page.start() + 1, 4096}).error().code, Errc::not_aligned);
}

TEST_F(KernelHalf, TheSpaceMapsProtectsAndUnmaps) {
  const VirtRange range(fixmap_range(FixSlot::device_tree).start().align_up(2_MiB), 4_MiB);
  const Frame frame = Frame::containing(kRam.start());
  ASSERT_TRUE(kernel_space().map(range, frame, kKernelData).has_value());
  check_area(range);
  EXPECT_EQ(walk(range.start()).level, 2u) << "in blocks";
  EXPECT_EQ(kernel_space().map(range, frame, kKernelData).error().code, Errc::already_mapped);
  const VirtRange part(range.start() + 64_KiB, 64_KiB);
  ASSERT_TRUE(kernel_space().protect(part, kKernelRodata).has_value());
  EXPECT_FALSE(walk(part.start()).el1_write);
  EXPECT_TRUE(walk(part.end()).el1_write);
  EXPECT_EQ(kernel_space().walk(part.start()).size(), 4u);
  ASSERT_TRUE(kernel_space().unmap(part).has_value());
  EXPECT_FALSE(is_mapped(part.start()));
  EXPECT_TRUE(is_mapped(part.start() - 1));
  u64 mapped = 0;
  kernel_space().dump(range, Coalesce::rights, [&](const DumpRun& run) {
    if (run.kind == Kind::leaf) mapped += run.range.size();
  });
  EXPECT_EQ(mapped, 4_MiB - 64_KiB);
  ASSERT_TRUE(kernel_space().unmap(range).has_value());

  const std::array<Frame, 2> frames{frame + 7, frame};
  ASSERT_TRUE(kernel_space().map_pages(range.start(), frames, kKernelData).has_value());
  EXPECT_EQ(walk(range.start()).pa, (frame + 7).address().value());
  ASSERT_TRUE(kernel_space().unmap(range).has_value());
}

TEST_F(KernelHalf, AFixmapSlotShowsWhatItWasSetToLast) {
  const VirtAddr slot = fixmap_range(FixSlot::scratch).start();
  for (const u64 pa : {0x4000'0000, 0x4123'4000, 0x0900'0000}) {
    const Result<VirtAddr> at = fixmap_set(FixSlot::scratch, {PhysAddr(pa), 4096}, kKernelRodata);
    ASSERT_TRUE(at.has_value());
    EXPECT_EQ(at.value(), slot);
    EXPECT_EQ(walk(slot).pa, pa);
  }
  const auto set = [](u64 pa, u64 size, Attributes attributes = kKernelData) {
    count_bad_input("fixmap_set");
    return fixmap_set(FixSlot::scratch, {PhysAddr(pa), size}, attributes).error().code;
  };
  EXPECT_EQ(set(0x4000'0000, 8192), Errc::too_large);
  EXPECT_EQ(set(0x4000'0001, 4096), Errc::not_aligned);
  EXPECT_EQ(set(0x4000'0000, 0), Errc::bad_range);
  EXPECT_EQ(set(~u64{0} - 4095, 8192), Errc::bad_range);
  EXPECT_EQ(set(0x4000'0000, 4096, {.write = true, .execute = true}), Errc::write_and_execute);
  EXPECT_EQ(walk(slot).pa, 0x0900'0000u) << "a refused request changes nothing";
  fixmap_clear(FixSlot::scratch);
  EXPECT_FALSE(is_mapped(slot));
}

/// Slots do not overlap, lie in the region, and pages among them have unmapped neighbours.
TEST_F(KernelHalf, FixmapSlotsAreApart) {
  const Region& region = kArm64Layout.region(RegionKind::fixmap);
  for (const FixSlot a : kFixSlots) {
    const VirtRange range = fixmap_range(region, a);
    EXPECT_TRUE(region.range().contains(range));
    for (const FixSlot b : kFixSlots) {
      if (a == b) continue;
      const VirtRange other = fixmap_range(region, b);
      EXPECT_FALSE(range.overlaps(other));
    }
  }
  EXPECT_EQ(fixmap_range(region, FixSlot::device_tree),
            VirtRange(VirtAddr(0xffff'fbff'f000'0000), 2_MiB + 4096));
  EXPECT_EQ(fixmap_range(region, FixSlot::console),
            VirtRange(VirtAddr(0xffff'fbff'f020'1000), 4096));
  EXPECT_EQ(fixmap_range(region, FixSlot::scratch),
            VirtRange(VirtAddr(0xffff'fbff'f020'3000), 4096));
}

/// Frames one by one, as many as there are.
class SomeFrames final : public SpareFrames {
 public:
  Result<Frame> take() override {
    if (left == 0) return Error{Errc::out_of_frames, 0};
    --left;
    taken.push_back(alloc_frame(FrameOwner::table).value());
    return taken.back();
  }
  u64 left = 0;
  std::vector<Frame> taken;
};

/// The frame table's backing maps what it is given, with tables from the spare frames only; what an
/// attempt that failed has taken serves the next.
TEST_F(KernelHalf, TheFrameTableIsBackedFromSpareFramesOnly) {
  const VirtRange table(kArm64Layout.region(RegionKind::frame_table).range().start(), 512_KiB);
  const Frame memory = Frame::containing(PhysAddr(0x4080'0000));
  SomeFrames spare;
  for (u64 frames = 0; frames < 3; ++frames) {
    spare.left = frames - spare.taken.size();
    const u64 free = free_frame_count();
    EXPECT_EQ(frame_table_backing().back(table, memory, spare).error().code, Errc::out_of_frames);
    EXPECT_FALSE(is_mapped(table.start()));
    EXPECT_EQ(free - free_frame_count(), frames == 0 ? 0u : 1u) << "only what it took as spare";
    count_injections("frame table backing");
  }
  spare.left = 1;
  ASSERT_TRUE(frame_table_backing().back(table, memory, spare).has_value());
  EXPECT_EQ(spare.taken.size(), 3u);
  for (u64 offset = 0; offset < table.size(); offset += 4096) {
    const model::Leaf leaf = walk(table.start() + offset);
    EXPECT_EQ(leaf.pa, 0x4080'0000 + offset);
    EXPECT_TRUE(leaf.contiguous);
    EXPECT_TRUE(model::grants(leaf, kKernelData));
  }
  // The next part needs no new table.
  const VirtRange next(table.end(), 512_KiB);
  ASSERT_TRUE(frame_table_backing().back(next, memory + 128, spare).has_value());
  EXPECT_EQ(spare.taken.size(), 3u);
}

}  // namespace
}  // namespace meridian
