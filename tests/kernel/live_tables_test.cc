// SPDX-License-Identifier: MIT
/// Changes to tables that this CPU, or all of them, are translating with: what was touched before is
/// touched again after each change, and must be what the new tables say. The frames hold their own
/// numbers, seen through the linear map, so a translation that is too old shows.
#include <arch/irq.h>
#include <arch/paging.h>
#include <arch/tlb.h>

#include <new>
#include <optional>
#include <span>

#include "mm/kernel/kernel_space.h"
#include "mm/kernel/vmalloc.h"
#include "mm/paging/mapper.h"
#include "mm/slab/kmalloc.h"
#include "mm/user/asid.h"
#include "tests/kernel/each_cpu.h"

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
    arch::set_user_root(root());
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
  arch::UserRoot root() const { return {mapper_.root(), asid_.value()}; }
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

namespace {

constinit Meeting meeting;
constinit LiveTables* shared = nullptr;

/// This CPU translates the low half with other tables while it lives.
class OtherLowHalf {
 public:
  explicit OtherLowHalf(const arch::UserRoot& root) : previous_(arch::user_root()) {
    arch::set_user_root(root);
  }
  ~OtherLowHalf() { arch::set_user_root(previous_); }
  OtherLowHalf(const OtherLowHalf&) = delete;
  OtherLowHalf& operator=(const OtherLowHalf&) = delete;

 private:
  arch::IrqGuard guard_;
  arch::UserRoot previous_;
};

/// CPU 0 changes pages that every CPU has in its TLB; afterwards each of them looks again. Each
/// `change` is followed by what the first `count` pages must show.
struct SharedChange {
  u64 count;
  void (*change)(LiveTables& live, u64 count);
  u64 frame_index;
};

constexpr SharedChange kSharedChanges[] = {
    {4,
     [](LiveTables& live, u64 count) {
       for (u64 i = 0; i < count; ++i)
         EXPECT_OK(live.mapper().replace_page(kStart + i * kPageSize, live.frame(20 + i), kData));
     },
     20},
    {4,
     [](LiveTables& live, u64 count) {
       live.mapper().unmap(live.pages(0, count)).flush();
       EXPECT_OK(live.mapper().map(live.pages(0, count), live.frame(40), kData, kPagesOnly));
     },
     40},
    {600,  // with all of the ASID
     [](LiveTables& live, u64 count) {
       live.mapper().unmap(live.pages(0, count)).flush();
       EXPECT_OK(live.mapper().map(live.pages(0, count), live.frame(300), kData, kPagesOnly));
     },
     300},
};

}  // namespace

KERNEL_TEST(live_tables, EveryCpuSeesWhatOneChanges) {
  SKIP_ON_ONE_CPU();
  meeting.reset();
  on_each_cpu([](unsigned cpu) {
    meeting.meet();  // all have been started: from here on CPU 0 takes no interrupt
    for (const SharedChange& each : kSharedChanges) {
      std::optional<LiveTables> live;
      if (cpu == 0) {
        live.emplace();
        shared = &*live;
        EXPECT_OK(live->mapper().map(live->pages(0, each.count), live->frame(0), kData, kPagesOnly));
      }
      meeting.meet();
      {
        const OtherLowHalf low(shared->root());
        EXPECT_TRUE(shared->show(0, each.count, 0));
        meeting.meet();
        if (cpu == 0) each.change(*live, each.count);
        meeting.meet();
        EXPECT_TRUE(shared->show(0, each.count, each.frame_index));
      }
      meeting.meet();  // nobody translates with them any more
    }
  });
}

namespace {

/// More spaces than there are numbers, each with one page at the same address. The numbers are an
/// allocator's of its own; nothing else may have entries under them meanwhile.
class ManySpaces {
 public:
  static constexpr unsigned kBits = 4;
  static constexpr usize kSpaces = 40;

  ManySpaces() {
    for (Space& space : spaces_) {
      space.root = store_.allocate_table().value();
      space.frame = alloc_frame(FrameOwner::kernel).value();
      *linear_map.pointer<u64>(space.frame) = space.frame.number();
      EXPECT_OK(mapper(space).map({kStart, kPageSize}, space.frame, kData));
    }
  }
  ~ManySpaces() {
    for (Space& space : spaces_) {
      mapper(space).release_tables();
      store_.free_table(space.root);
      free_frame(space.frame);
    }
  }
  ManySpaces(const ManySpaces&) = delete;
  ManySpaces& operator=(const ManySpaces&) = delete;

  /// Switches to the space as the scheduler does: right from the one before. Looks at its page.
  void visit(usize index, unsigned cpu) {
    Space& space = spaces_[index % kSpaces];
    arch::IrqGuard guard;
    const u16 asid = asids_.activate(space.context, cpu, arch::flush_own_tlb);
    arch::set_user_root({space.root, asid});
    EXPECT_EQ(*reinterpret_cast<const volatile u64*>(kStart.value()), space.frame.number());
  }

 private:
  using Mapper = LiveTables::Mapper;
  struct Space {
    Frame root, frame;
    AsidContext context;
  };
  Mapper mapper(Space& space) {
    return Mapper(space.root, arch::user_geometry(), store_, arch::UserTlb(space.context.asid()));
  }

  KernelTableStore store_;
  AsidAllocator asids_{kBits};
  std::array<Space, kSpaces> spaces_;
};

}  // namespace

/// A number that comes back in a new generation must not bring the old space's page with it, on
/// whichever CPU.
KERNEL_TEST(live_tables, EverySpaceIsItselfThroughGenerationsOfAsids) {
  static constinit ManySpaces* spaces = nullptr;
  const Result<void*> memory = kmalloc(sizeof(ManySpaces));
  ASSERT_OK(memory);
  spaces = new (memory.value()) ManySpaces;
  arch::flush_all_tlbs();  // of entries under the same numbers
  on_each_cpu([](unsigned cpu) {
    const arch::UserRoot previous = arch::user_root();
    u64 random = cpu + 1;
    for (u32 round = 0; round < 500; ++round) {
      random = random * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
      spaces->visit(random >> 40, cpu);
    }
    arch::set_user_root(previous);
  });
  arch::flush_all_tlbs();
  spaces->~ManySpaces();
  kfree(memory.value());
}

}  // namespace meridian
