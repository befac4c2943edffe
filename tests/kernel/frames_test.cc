// SPDX-License-Identifier: MIT
/// Frames on the machine: what the allocator says of them, the MMU and memory itself confirm.
#include "mm/frames/frames.h"

#include <arch/probe.h>
#include <arch/translate.h>

#include <array>

#include "kernel/init/system.h"
#include "mm/frames/failure_injection.h"
#include "mm/frames/poison.h"
#include "mm/image.h"
#include "mm/kernel/linear_map.h"
#include "mm/layout/layout.h"
#include "tests/kernel/expect_fault.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

using arch::probe;
using arch::ProbeKind;

constexpr u64 frames_of(unsigned order) { return u64{1} << order; }

VirtAddr linear_address(Frame frame) { return VirtAddr::of(linear_map.pointer(frame)); }

/// All free frames of the DMA zone (it is small enough to go through), chained through their first
/// word.
class AllDmaFrames {
 public:
  AllDmaFrames() {
    while (const Result<Frame> frame = alloc_frame(FrameOwner::kernel, ZoneKind::dma))
      push(frame.value());
  }
  ~AllDmaFrames() { give_back(1); }

  /// Gives back those whose number is a multiple of `step`.
  void give_back(u64 step) {
    Frame frame = first_;
    first_ = Frame();
    count_ = 0;
    while (frame != Frame()) {
      const Frame next = *linear_map.pointer<Frame>(frame);
      if (frame.number() % step == 0)
        free_frame(frame);
      else
        push(frame);
      frame = next;
    }
  }
  u64 count() const { return count_; }

 private:
  void push(Frame frame) {
    *linear_map.pointer<Frame>(frame) = first_;
    first_ = frame;
    ++count_;
  }

  Frame first_;
  u64 count_ = 0;
};

KERNEL_TEST(frames, EveryOrderIsContiguousAlignedAndMapped) {
  for (unsigned order = 0; order <= kMaxOrder; ++order) {
    const Result<Frame> block = alloc_frames(order, FrameOwner::kernel);
    ASSERT_OK(block);
    const Frame first = block.value(), last = first + (frames_of(order) - 1);
    EXPECT_EQ(first.number() % frames_of(order), 0u);
    for (const Frame frame : {first, last}) {
      const auto pa = arch::at_translate(linear_address(frame), arch::Access::write, arch::El::el1);
      ASSERT_OK(pa);
      EXPECT_EQ(pa.value(), frame.address());
      EXPECT_FALSE(
          arch::at_translate(linear_address(frame), arch::Access::read, arch::El::el0).has_value());
    }
    free_frames(first, order);
  }
}

KERNEL_TEST(frames, AnOrderAboveTheLargestIsRefused) {
  EXPECT_ERROR(alloc_frames(kMaxOrder + 1, FrameOwner::kernel), Errc::too_large);
  EXPECT_ERROR(alloc_frames(~0u, FrameOwner::kernel), Errc::too_large);
}

KERNEL_TEST(frames, AFrameIsFreeThenOwnedThenFreeAgain) {
  const Result<Frame> frame = alloc_frame(FrameOwner::kernel);
  ASSERT_OK(frame);
  EXPECT_EQ(frame_state(frame.value()).owner, FrameOwner::kernel);
  EXPECT_EQ(frame_state(frame.value()).references, 1u);
  free_frame(frame.value());
  EXPECT_EQ(frame_state(frame.value()).owner, FrameOwner::cached);
  // It was mapped all the time: the linear map reserves nothing.
  EXPECT_TRUE(probe(linear_address(frame.value()), ProbeKind::load64).ok);
}

KERNEL_TEST(frames, WhatIsInUseBelongsToSomebody) {
  const auto owner_at = [](PhysAddr pa) { return frame_state(Frame::containing(pa)).owner; };
  EXPECT_EQ(owner_at(image_phys().start()), FrameOwner::reserved);
  EXPECT_EQ(owner_at(image_phys().last()), FrameOwner::reserved);
  EXPECT_EQ(owner_at(the_system().boot.tree_phys.start()), FrameOwner::reserved);
  // The table's own memory, found by the MMU.
  const Result<Frame> frame = alloc_frame(FrameOwner::kernel);
  ASSERT_OK(frame);
  const VirtAddr entry = VirtAddr::of(&frame_info(frame.value()));
  const auto behind = arch::at_translate(entry, arch::Access::write, arch::El::el1);
  ASSERT_OK(behind);
  const bool set_apart = current_layout().find(RegionKind::frame_table) == nullptr;
  EXPECT_EQ(owner_at(behind.value()), set_apart ? FrameOwner::reserved : FrameOwner::frame_table);
  free_frame(frame.value());
}

KERNEL_TEST(frames, DmaFramesLieInTheFirst16MiBOfRam) {
  const PhysAddr ram = the_system().memory.banks().front().start();
  for (const unsigned order : {0u, 4u}) {
    const Result<Frame> block = alloc_frames(order, FrameOwner::kernel, ZoneKind::dma);
    ASSERT_OK(block);
    EXPECT_LT(block.value().address() - ram, u64{16_MiB});
    EXPECT_EQ(zone_of(block.value()), ZoneKind::dma);
    free_frames(block.value(), order);
  }
}

KERNEL_TEST(frames, ZonesAddUpToTheMachinesRam) {
  u64 present = 0, free = 0, in_lists = 0, cached = 0;
  for (const ZoneKind kind : {ZoneKind::dma, ZoneKind::normal, ZoneKind::highmem}) {
    const ZoneStats stats = zone_stats(kind);
    present += stats.present;
    free += stats.free;
    cached += stats.cached;
    for (unsigned order = 0; order <= kMaxOrder; ++order)
      in_lists += stats.blocks[order] * frames_of(order);
    EXPECT_LE(stats.free, stats.managed);
    EXPECT_LE(stats.managed, stats.present);
  }
  u64 ram = 0;
  for (const PhysRange& bank : the_system().memory.banks()) ram += bank.size() / kPageSize;
  EXPECT_EQ(present, ram);
  EXPECT_EQ(free, in_lists + cached);
}

KERNEL_TEST(frames, AllocatingAndFreeingLeavesNothingBehind) {
  const u64 before = free_frame_count();
  static constinit std::array<Frame, 300> held;
  for (unsigned order = 0; order < 4; ++order) {
    for (Frame& frame : held) {
      const Result<Frame> block = alloc_frames(order, FrameOwner::kernel);
      ASSERT_OK(block);
      frame = block.value();
    }
    EXPECT_EQ(free_frame_count(), before - held.size() * frames_of(order));
    for (const Frame frame : held) free_frames(frame, order);
  }
  EXPECT_EQ(free_frame_count(), before);
}

KERNEL_TEST(frames, AWrongFreeByHandIsRefused) {
  const Result<Frame> block = alloc_frames(2, FrameOwner::kernel);
  ASSERT_OK(block);
  const Frame frame = block.value();
  EXPECT_ERROR(try_free_frames(frame, 1, FrameOwner::kernel), Errc::not_allocated);
  EXPECT_ERROR(try_free_frames(frame + 1, 0, FrameOwner::kernel), Errc::not_allocated);
  EXPECT_ERROR(try_free_frames(frame, 2, FrameOwner::user), Errc::not_allocated);
  EXPECT_ERROR(try_free_frames(Frame(), 0, FrameOwner::kernel), Errc::not_allocated);
  EXPECT_ERROR(try_free_frames(Frame::from_number(~u64{0}), 0, FrameOwner::kernel),
               Errc::not_allocated);
  EXPECT_OK(try_free_frames(frame, 2, FrameOwner::kernel));
  EXPECT_ERROR(try_free_frames(frame, 2, FrameOwner::kernel), Errc::not_allocated);
}

KERNEL_TEST(frames, FreedFramesArePoisoned) {
  const Result<Frame> frame = alloc_frame(FrameOwner::kernel);
  ASSERT_OK(frame);
  u8* const bytes = linear_map.pointer<u8>(frame.value());
  bytes[100] = 1;
  free_frame(frame.value());
  EXPECT_TRUE(is_filled(bytes, kPageSize, kFramePoison));
}

KERNEL_TEST(frames, OneAllocationFailsOnRequest) {
  const u64 before = free_frame_count();
  FailAllocation failure(2);
  const Result<Frame> first = alloc_frame(FrameOwner::kernel);
  ASSERT_OK(first);
  EXPECT_ERROR(alloc_frame(FrameOwner::kernel), Errc::out_of_frames);
  EXPECT_TRUE(failure.has_fired());
  free_frame(first.value());
  EXPECT_EQ(free_frame_count(), before);
}

KERNEL_TEST(frames, TheTableHasMemoryOnlyWhereFramesWereUsed) {
  const ZoneStats normal = zone_stats(ZoneKind::normal);
  if (normal.untouched == 0) SKIP_TEST("all of RAM has been used");
  if (current_layout().find(RegionKind::frame_table) == nullptr)
    SKIP_TEST("under this layout memory is behind all of the table, in the linear map");
  const VirtAddr last_entry = VirtAddr::of(&frame_info(normal.span.end() - 1));
  EXPECT_EQ(frame_state(normal.span.end() - 1).owner, FrameOwner::free);
  EXPECT_FAULT(probe(last_entry, ProbeKind::load64), translation, read, last_entry);
}

KERNEL_TEST(frames, TheTableIsDataAndNothingElse) {
  const Region* own = current_layout().find(RegionKind::frame_table);
  const VirtRange table = own != nullptr ? own->range() : linear_map.virt();
  const PhysAddr ram = the_system().memory.banks().front().start();
  const VirtAddr entry = VirtAddr::of(&frame_info(Frame(ram + kDmaZoneSize)));
  EXPECT_TRUE(table.contains(entry));
  EXPECT_TRUE(probe(entry, ProbeKind::store).ok);
  EXPECT_FAULT(probe(entry, ProbeKind::execute), permission, execute, entry);
  EXPECT_FAULT(probe(entry, ProbeKind::user_load), permission, read, entry);
}

KERNEL_TEST(frames, AllOfAZoneCanBeTakenAndComesBack) {
  const ZoneStats before = zone_stats(ZoneKind::dma);
  {
    AllDmaFrames all;
    EXPECT_EQ(zone_stats(ZoneKind::dma).free, 0u);
    EXPECT_EQ(all.count(), before.free);
    EXPECT_ERROR(alloc_frame(FrameOwner::kernel, ZoneKind::dma), Errc::out_of_frames);
    const Result<Frame> other = alloc_frame(FrameOwner::kernel);
    EXPECT_OK(other);
    if (other.has_value()) free_frame(other.value());
  }
  const ZoneStats after = zone_stats(ZoneKind::dma);
  EXPECT_EQ(after.free, before.free);
  for (unsigned order = 0; order <= kMaxOrder; ++order)
    EXPECT_EQ(after.blocks[order], before.blocks[order]);
}

KERNEL_TEST(frames, FragmentedMemoryHasFramesButNoBlocks) {
  AllDmaFrames all;
  all.give_back(2);
  EXPECT_GT(zone_stats(ZoneKind::dma).free, 1000u);
  for (const unsigned order : {1u, 5u, kMaxOrder})
    EXPECT_ERROR(alloc_frames(order, FrameOwner::kernel, ZoneKind::dma), Errc::out_of_frames);
  const Result<Frame> one = alloc_frame(FrameOwner::kernel, ZoneKind::dma);
  EXPECT_OK(one);
  if (one.has_value()) free_frame(one.value());
}

}  // namespace
}  // namespace meridian
