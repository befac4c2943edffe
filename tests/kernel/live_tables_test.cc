// SPDX-License-Identifier: MIT
/// Changes to tables that this CPU is translating with: what was touched before is touched again
/// after each change, and must be what the new tables say. The frames hold their own numbers, seen
/// through the linear map, so a translation that is too old shows.
#include <arch/irq.h>
#include <arch/paging.h>
#include <arch/tlb.h>

#include <span>

#include "mm/kernel/kernel_space.h"
#include "mm/kernel/vmalloc.h"
#include "mm/paging/mapper.h"
#include "mm/user/asid.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

constexpr Attributes kData{.write = true, .global = false};
constexpr MapOptions kPagesOnly{.largest = Level::L3, .contiguous_hint = false};
constexpr VirtAddr kStart{0x4000'0000};
constexpr unsigned kOrder = 10;  // 4 MiB: two blocks
constexpr u64 kFrames = u64{1} << kOrder, kGroup = 16, kBlock = 512;

/// A low half of the kernel's own, with an ASID, on this CPU while it lives; and frames to map in
/// it, each with its number in its first word.
class LiveTables {
 public:
  using Mapper = meridian::Mapper<arch::Format, KernelTableStore, arch::UserTlb>;

  LiveTables()
      : frames_(alloc_frames(kOrder, FrameOwner::kernel, ZoneKind::normal).value()),
        asid_(Asid::take().take()),
        mapper_(store_.allocate_table().value(), arch::user_geometry(), store_,
                arch::UserTlb(asid_.value())),
        previous_(arch::user_root()) {
    for (u64 i = 0; i < kFrames; ++i) *linear_map.pointer<u64>(frame(i)) = frame(i).number();
    arch::set_user_root({mapper_.root(), asid_.value()});
  }
  ~LiveTables() {
    arch::set_user_root(previous_);
    const arch::UserTlb tlb(asid_.value());
    tlb.publish();
    tlb.invalidate_all();
    tlb.finish();
    mapper_.release_tables();
    store_.free_table(mapper_.root());
    free_frames(frames_, kOrder);
  }
  LiveTables(const LiveTables&) = delete;
  LiveTables& operator=(const LiveTables&) = delete;

  Mapper& mapper() { return mapper_; }
  Frame frame(u64 i) const { return frames_ + i; }
  static VirtRange pages(u64 first, u64 count) {
    return {kStart + first * kPageSize, count * kPageSize};
  }

  /// Do pages [first, first + count) show the frames from `frame_index` on?
  bool show(u64 first, u64 count, u64 frame_index) const {
    for (u64 i = 0; i < count; ++i) {
      const u64 address = (kStart + (first + i) * kPageSize).value();
      if (*reinterpret_cast<const volatile u64*>(address) != frame(frame_index + i).number())
        return false;
    }
    return true;
  }

 private:
  arch::IrqGuard guard_;  // another thread would bring its own low half
  KernelTableStore store_;
  Frame frames_;
  Asid asid_;
  Mapper mapper_;
  arch::UserRoot previous_;
};

}  // namespace

KERNEL_TEST(live_tables, ABlockThatIsSplitStaysWhatItWas) {
  LiveTables live;
  ASSERT_TRUE(live.mapper().map(live.pages(0, kBlock), live.frame(0), kData).has_value());
  EXPECT_TRUE(live.show(0, kBlock, 0));
  ASSERT_TRUE(live.mapper().split_block(kStart, Level::L3).has_value());
  EXPECT_TRUE(live.show(0, kBlock, 0));
}

KERNEL_TEST(live_tables, AGroupThatIsCutStaysWhatItWasElsewhere) {
  LiveTables live;
  ASSERT_TRUE(live.mapper().map(live.pages(0, kGroup), live.frame(0), kData).has_value());
  EXPECT_TRUE(live.show(0, kGroup, 0));
  live.mapper().unmap(live.pages(3, 1)).flush();
  EXPECT_TRUE(live.show(0, 3, 0));
  EXPECT_TRUE(live.show(4, kGroup - 4, 4));
}

KERNEL_TEST(live_tables, APageThatIsReplacedLeadsToItsNewFrame) {
  LiveTables live;
  ASSERT_TRUE(live.mapper().map(live.pages(0, 4), live.frame(0), kData, kPagesOnly).has_value());
  EXPECT_TRUE(live.show(0, 4, 0));
  ASSERT_TRUE(live.mapper().replace_page(kStart + kPageSize, live.frame(9), kData).has_value());
  EXPECT_TRUE(live.show(0, 1, 0));
  EXPECT_TRUE(live.show(1, 1, 9));
}

KERNEL_TEST(live_tables, AMemoryTypeCanChange) {
  LiveTables live;
  ASSERT_TRUE(live.mapper().map(live.pages(0, 4), live.frame(0), kData, kPagesOnly).has_value());
  EXPECT_TRUE(live.show(0, 4, 0));
  Attributes uncached = kData;
  uncached.type = MemoryType::normal_uncached;
  ASSERT_TRUE(live.mapper().protect(live.pages(0, 4), uncached).has_value());
  EXPECT_TRUE(live.show(0, 4, 0));
}

/// Few pages are invalidated one by one, many with all of their ASID.
KERNEL_TEST(live_tables, PagesThatAreMappedAnewLeadToTheirNewFrames) {
  LiveTables live;
  for (const u64 count : {u64{2}, u64{40}, u64{600}}) {
    ASSERT_TRUE(
        live.mapper().map(live.pages(0, count), live.frame(0), kData, kPagesOnly).has_value());
    EXPECT_TRUE(live.show(0, count, 0));
    live.mapper().unmap(live.pages(0, count)).flush();
    ASSERT_TRUE(
        live.mapper().map(live.pages(0, count), live.frame(300), kData, kPagesOnly).has_value());
    EXPECT_TRUE(live.show(0, count, 300));
    live.mapper().unmap(live.pages(0, count)).flush();
  }
}

/// A page of the same table stays mapped, so that only the leaf goes.
KERNEL_TEST(live_tables, APageBesideOthersIsMappedAnew) {
  LiveTables live;
  ASSERT_TRUE(live.mapper().map(live.pages(0, 4), live.frame(0), kData, kPagesOnly).has_value());
  EXPECT_TRUE(live.show(0, 4, 0));
  live.mapper().unmap(live.pages(1, 2)).flush();
  ASSERT_TRUE(live.mapper().map(live.pages(1, 2), live.frame(7), kData, kPagesOnly).has_value());
  EXPECT_TRUE(live.show(1, 2, 7));
}

/// Frees are invalidated late, but before the addresses come back.
KERNEL_TEST(live_tables, VmallocAddressesThatComeBackLeadToTheirNewFrames) {
  for (u64 round = 0; round < 4; ++round) {
    void* areas[64] = {};
    for (void*& area : areas) {
      area = vmalloc(kPageSize).value();
      *static_cast<volatile u64*>(area) = round;
    }
    for (void*& area : areas) {
      EXPECT_EQ(*static_cast<volatile u64*>(area), round);
      vfree(area);
    }
    vmalloc_flush();
  }
}

}  // namespace meridian
