// SPDX-License-Identifier: MIT
/// kmap: the window of 1024 slots against a model and a suspicious TLB, and the face that the
/// kernel has for it, on a machine with more RAM than its linear map reaches.
#include "mm/kernel/kmap.h"

#include <arch/clock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "fake_ram.h"
#include "fake_tables.h"
#include "host_sleeper.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/kernel_space.h"
#include "mm/layout/all.h"
#include "model_decoders.h"
#include "model_mmu.h"
#include "seed.h"

namespace meridian {
namespace {

constexpr u64 kSlots = 1024;

/// A store that is copied with the tables that use it.
class Store {
 public:
  explicit Store(FakeTables<arch::Entry>& memory) : memory_(&memory) {}
  Result<Frame> allocate_table() { return memory_->allocate_table(); }
  void free_table(Frame table) { memory_->free_table(table); }
  arch::Entry* entries(Frame table) { return memory_->entries(table); }

 private:
  FakeTables<arch::Entry>* memory_;
};

/// A window in the layout's place for it, watched by a model MMU whose TLBs keep whatever they may.
class WindowWorld {
 public:
  using Tables = KernelTables<arch::Format, Store, model::ModelTlb>;

  explicit WindowWorld(u64 first)
      : memory(64),
        decoder(/*high_half=*/true, 48),
        mmu(memory, decoder),
        root_(memory.new_root()),
        tables(root_, arch::kernel_geometry(), Store(memory),
               model::ModelTlb(mmu, model::ModelMmu::Reach::all_asids)) {
    mmu.add_space(root_.address().value(), 0);
    EXPECT_TRUE(window.start(tables, VirtAddr(first)).has_value());
  }
  ~WindowWorld() { EXPECT_EQ(mmu.text(), ""); }

  /// Every translation that any TLB or a walk may give for `va` is the one to `frame`.
  bool shows_only(VirtAddr va, Frame frame) {
    const model::Outcomes found = mmu.outcomes(0, va.value());
    return found.is_just(frame.address().value()) && model::grants(found.hits[0].leaf, kKernelData);
  }

  FakeTables<arch::Entry> memory;
  model::VmsaDecoder decoder;
  model::ModelMmu mmu;

 private:
  Frame root_;

 public:
  Tables tables;
  KmapWindow<Tables> window;
};

constexpr u64 kPkmap = 0xffff'fbff'ffc0'0000;
Frame nth(u64 n) { return Frame::from_number(0x8'0000 + n); }

TEST(KmapWindow, SlotsArePagesOfTheWindowAndHoldKernelData) {
  WindowWorld world(kPkmap);
  std::set<u64> addresses;
  for (u64 i = 0; i < kSlots; ++i) {
    const VirtAddr va = world.window.map(nth(i)).value();
    EXPECT_EQ(va.value() % 4096, 0u);
    EXPECT_LT(va.value() - kPkmap, u64{4} << 20);
    EXPECT_TRUE(addresses.insert(va.value()).second) << "no two frames share a slot";
  }
  for (u64 i = 0; i < kSlots; i += 37)
    EXPECT_TRUE(world.shows_only(world.window.map(nth(i)).value(), nth(i)));
}

/// The window need not begin where a table does: with three tables, and at the very end of the
/// half.
TEST(KmapWindow, MayLieAnywhere) {
  for (const u64 first : {kPkmap + 0x1000, kPkmap + 0x1f'f000, u64{0xffff'ffff'ff80'0000},
                          u64{0xffff'ffff'ffc0'0000}}) {
    WindowWorld world(first);
    for (u64 i = 0; i < kSlots; ++i) {
      const VirtAddr va = world.window.map(nth(i)).value();
      EXPECT_LT(va.value() - first, u64{4} << 20);
      if (i % 61 == 0 || i == kSlots - 1) {
        EXPECT_TRUE(world.shows_only(va, nth(i)));
      }
    }
  }
}

TEST(KmapWindow, AFrameMappedTwiceSharesItsSlotAndNeedsTwoUnmaps) {
  WindowWorld world(kPkmap);
  const VirtAddr va = world.window.map(nth(7)).value();
  EXPECT_EQ(world.window.map(nth(7)).value(), va);
  EXPECT_EQ(world.window.stats().used, 1u);
  EXPECT_TRUE(world.window.unmap(nth(7)).has_value());
  EXPECT_EQ(world.window.stats().used, 1u);
  EXPECT_TRUE(world.window.unmap(nth(7)).has_value());
  EXPECT_EQ(world.window.stats().used, 0u);
  EXPECT_EQ(world.window.unmap(nth(7)).error(), (Error{Errc::not_allocated, 0x8000'7000}));
  EXPECT_EQ(world.window.unmap(nth(8)).error().code, Errc::not_allocated);
}

TEST(KmapWindow, RunsOutCleanlyAndServesAgainAfterAnUnmap) {
  WindowWorld world(kPkmap);
  for (u64 i = 0; i < kSlots; ++i) ASSERT_TRUE(world.window.map(nth(i)).has_value());
  for (int round = 0; round < 3; ++round)
    EXPECT_EQ(world.window.map(nth(kSlots)).error(), (Error{Errc::out_of_slots, 1024}));
  EXPECT_EQ(world.window.stats().flushes, 0u) << "there was nothing to flush";
  const VirtAddr taken = world.window.map(nth(500)).value();
  for (int user = 0; user < 2; ++user) ASSERT_TRUE(world.window.unmap(nth(500)).has_value());

  EXPECT_EQ(world.window.map(nth(kSlots)).value(), taken);
  EXPECT_TRUE(world.shows_only(taken, nth(kSlots)));
  EXPECT_EQ(world.window.map(nth(500)).error().code, Errc::out_of_slots);
}

/// What was given back stays where it is, and costs nothing when it is wanted again.
TEST(KmapWindow, ALazySlotServesItsFrameAgain) {
  WindowWorld world(kPkmap);
  const VirtAddr va = world.window.map(nth(3)).value();
  ASSERT_TRUE(world.window.unmap(nth(3)).has_value());
  EXPECT_EQ(world.window.stats().lazy, 1u);
  EXPECT_EQ(world.window.map(nth(3)).value(), va);
  EXPECT_EQ(world.window.stats().lazy, 0u);
  EXPECT_EQ(world.window.stats().flushes, 0u);
}

/// One flush for a whole window of frames, and no slot serves a new frame while a TLB knows the
/// old one (the model MMU would show both).
TEST(KmapWindow, LazySlotsAreInvalidatedAllTogether) {
  WindowWorld world(kPkmap);
  for (u64 i = 0; i < 3 * kSlots; ++i) {
    const VirtAddr va = world.window.map(nth(i)).value();
    EXPECT_EQ(world.window.stats().flushes, i / kSlots) << i;
    if (i % 101 == 0 || i % kSlots == 0) {
      EXPECT_TRUE(world.shows_only(va, nth(i))) << i;
    }
    ASSERT_TRUE(world.window.unmap(nth(i)).has_value());
  }
  EXPECT_EQ(world.window.stats().lazy, kSlots);
}

/// A flush leaves those that are in use where they are.
TEST(KmapWindow, AFlushKeepsWhatIsInUse) {
  WindowWorld world(kPkmap);
  std::vector<VirtAddr> kept;
  for (u64 i = 0; i < kSlots; ++i) {
    const VirtAddr va = world.window.map(nth(i)).value();
    if (i % 2 == 0) {
      kept.push_back(va);
    } else {
      ASSERT_TRUE(world.window.unmap(nth(i)).has_value());
    }
  }
  for (u64 i = 0; i < kSlots / 2; ++i) ASSERT_TRUE(world.window.map(nth(5000 + i)).has_value());
  EXPECT_EQ(world.window.stats().flushes, 1u);
  EXPECT_EQ(world.window.stats().used, kSlots);
  for (u64 i = 0; i < kSlots; i += 2) {
    EXPECT_EQ(world.window.map(nth(i)).value(), kept[i / 2]);
    if (i % 64 == 0) {
      EXPECT_TRUE(world.shows_only(kept[i / 2], nth(i)));
    }
  }
  EXPECT_EQ(world.window.map(nth(1)).error().code, Errc::out_of_slots) << "it was flushed";
}

/// Random maps and unmaps beside a map of what must be true, with frames that meet in the buckets.
TEST(KmapWindow, AgreesWithAModel) {
  WindowWorld world(kPkmap + 0x5000);
  std::mt19937_64 random(test_seed());
  struct Use {
    u64 address, users;
  };
  std::map<u64, Use> model;  // of frames in use
  for (int step = 0; step < 20'000; ++step) {
    const u64 phase = step / 2500 % 2;  // filling, then emptying
    const u64 n = random() % 700 + random() % 3 * 1024;
    if (random() % 8 < (phase == 0 ? 6 : 2)) {
      const Result<VirtAddr> va = world.window.map(nth(n));
      const auto found = model.find(n);
      ASSERT_EQ(va.has_value(), found != model.end() || model.size() < kSlots);
      if (!va.has_value()) continue;
      if (found == model.end()) {
        for (const auto& [other, use] : model) ASSERT_NE(use.address, va.value().value()) << other;
        model[n] = {va.value().value(), 1};
      } else {
        ASSERT_EQ(va.value().value(), found->second.address);
        ++found->second.users;
      }
      if (step % 16 == 0) {
        ASSERT_TRUE(world.shows_only(va.value(), nth(n)));
      }
    } else {
      const auto found = model.find(n);
      ASSERT_EQ(world.window.unmap(nth(n)).has_value(), found != model.end());
      if (found != model.end() && --found->second.users == 0) model.erase(found);
    }
    ASSERT_EQ(world.window.stats().used, model.size());
    ASSERT_LE(model.size() + world.window.stats().lazy, kSlots);
  }
  EXPECT_GT(world.window.stats().flushes, 1u);
}

TEST(KmapWindow, WithoutATableItDoesNotStartAndLeavesNoSlot) {
  FakeTables<arch::Entry> memory(64);
  model::VmsaDecoder decoder(true, 48);
  model::ModelMmu mmu(memory, decoder);
  const Frame root = memory.new_root();
  WindowWorld::Tables tables(root, arch::kernel_geometry(), Store(memory),
                             model::ModelTlb(mmu, model::ModelMmu::Reach::all_asids));
  for (u64 k = 1; k <= 5; ++k) {  // L1, L2 and three L3
    KmapWindow<WindowWorld::Tables> window;
    memory.fail_allocation(1);
    EXPECT_EQ(window.start(tables, VirtAddr(kPkmap + 0x1f'f000)).error().code, Errc::out_of_frames);
    memory.fail_allocation(0);
    EXPECT_TRUE(k != 1 || memory.in_use() == 1u);
  }
  KmapWindow<WindowWorld::Tables> window;
  EXPECT_TRUE(window.start(tables, VirtAddr(kPkmap + 0x1f'f000)).has_value());
  EXPECT_TRUE(window.map(nth(0)).has_value());
}

/// 64 MiB of RAM, of which the linear map reaches half.
class KmapOnAMachine : public testing::Test {
 protected:
  static constexpr PhysRange kRam{PhysAddr(0x4000'0000), 64_MiB};

  KmapOnAMachine()
      : machine_(std::initializer_list<PhysRange>{kRam}, std::initializer_list<PhysRange>{},
                 FakeRam::Options{.linear_size = 32_MiB}),
        decoder_(true, 48) {
    const Frame root = alloc_frame(FrameOwner::table).value();
    arch::clear_page(linear_map.pointer(root));
    kernel_space().start(root);
    EXPECT_TRUE(kmap_start().has_value());
    high_ = alloc_frames(4, FrameOwner::kernel, ZoneKind::highmem).value();
    low_ = alloc_frame(FrameOwner::kernel).value();
  }
  ~KmapOnAMachine() override { EXPECT_EQ(arch::fake_irq_depth, 0); }

  /// The frame that a strict reading of the tables finds for `va`; 0 if none.
  u64 frame_at(const void* pointer) {
    const u64 va = VirtAddr::of(pointer).value();
    u64 table = kernel_space().root().address().value();
    for (unsigned level = 0; level < 4; ++level) {
      const u64 index = va >> (12 + 9 * (3 - level)) & 511;
      const model::Decoded entry =
          decoder_.decode(level, linear_map.pointer<u64>(PhysAddr(table))[index]);
      if (entry.is == model::Decoded::Is::leaf) {
        EXPECT_EQ(level, 3u);
        EXPECT_TRUE(model::grants(entry.leaf, kKernelData));
        return entry.leaf.pa >> 12;
      }
      if (entry.is != model::Decoded::Is::table) return 0;
      table = entry.table;
    }
    return 0;
  }

  FakeMachine machine_;
  model::VmsaDecoder decoder_;
  Frame high_, low_;
};

TEST_F(KmapOnAMachine, AFrameWithALinearAddressCostsNothing) {
  EXPECT_EQ(kmap(low_).value(), linear_map.pointer(low_));
  EXPECT_EQ(kmap_stats().used, 0u);
  kunmap(low_);
  const KmapLocal visit(low_);
  EXPECT_EQ(visit.pointer(), linear_map.pointer(low_));
  EXPECT_EQ(arch::fake_irq_depth, 0) << "interrupts stay as they are";
}

TEST_F(KmapOnAMachine, AHighFrameIsInTheLayoutsWindow) {
  ASSERT_FALSE(linear_map.to_virt(high_.address()).has_value());
  void* const address = kmap(high_).value();
  EXPECT_EQ(current_layout().region_of(VirtAddr::of(address)).kind, RegionKind::pkmap);
  EXPECT_EQ(frame_at(address), high_.number());
  kunmap(high_);
  EXPECT_THROW(kunmap(high_), std::logic_error);
  EXPECT_EQ(try_kunmap(high_).error().code, Errc::not_allocated);
}

TEST_F(KmapOnAMachine, AKmapGivesItselfBackOnce) {
  {
    Result<Kmap> first = Kmap::of(high_);
    ASSERT_TRUE(first.has_value());
    const Kmap moved = first.take();
    EXPECT_EQ(kmap_stats().used, 1u);
    EXPECT_EQ(frame_at(moved.pointer()), high_.number());
  }
  EXPECT_EQ(kmap_stats().used, 0u);
  EXPECT_EQ(kmap_stats().lazy, 1u);
}

/// With every slot in use a thread sleeps until one is given back, or until its deadline.
TEST_F(KmapOnAMachine, AThreadMayWaitForASlot) {
  const Frame block = alloc_frames(10, FrameOwner::kernel, ZoneKind::highmem).value();
  for (u64 i = 0; i < kSlots; ++i) ASSERT_TRUE(kmap(block + i).has_value());
  EXPECT_EQ(kmap_waiting(high_, {.deadline = arch::counter()}).error().code, Errc::timed_out);

  std::atomic<HostSleeper*> sleeper{nullptr};
  std::thread waiter([&] {
    sleeper = &this_host_sleeper();
    const Result<void*> address = kmap_waiting(high_);
    EXPECT_TRUE(address.has_value());
    EXPECT_EQ(frame_at(address.value()), high_.number());
  });
  while (sleeper == nullptr || sleeper.load()->sleeps() < 1) std::this_thread::yield();
  EXPECT_EQ(kmap_stats().used, kSlots);
  kunmap(block + 5);
  waiter.join();
  EXPECT_EQ(kmap_stats().used, kSlots);
  EXPECT_EQ(kmap_waiting(low_).value(), linear_map.pointer(low_));
  kunmap(high_);
  for (u64 i = 0; i < kSlots; ++i)
    if (i != 5) kunmap(block + i);
}

/// Remembers what an invalidation was for, and what the tables said then.
class Recorder final : public arch::FakeTlbObserver {
 public:
  Recorder() { arch::fake_tlb_observer = this; }
  ~Recorder() override { arch::fake_tlb_observer = nullptr; }
  void publish() override { log += "p"; }
  void invalidate(arch::FakeAsid, VirtAddr va, u64 size, u64, TlbScope) override {
    log += "i";
    address = va;
    pages = size / 4096;
  }
  void invalidate_all(arch::FakeAsid) override { log += "a"; }
  void finish() override { log += "f"; }

  std::string log;
  VirtAddr address;
  u64 pages = 0;
};

TEST_F(KmapOnAMachine, AVisitMasksInterruptsAndIsInvalidatedAtItsEnd) {
  Recorder recorder;
  const void* address = nullptr;
  {
    const KmapLocal visit(high_);
    address = visit.pointer();
    EXPECT_EQ(frame_at(address), high_.number());
    EXPECT_EQ(arch::fake_irq_depth, 1);
    EXPECT_EQ(recorder.log, "p");
  }
  EXPECT_EQ(frame_at(address), 0u);
  EXPECT_EQ(recorder.log, "ppif");
  EXPECT_EQ(recorder.address, VirtAddr::of(address));
  EXPECT_EQ(recorder.pages, 1u);
}

/// Eight deep on each CPU: 64 addresses, no two next to each other.
TEST_F(KmapOnAMachine, VisitsNestAndEveryCpuHasPagesOfItsOwn) {
  std::set<u64> addresses;
  for (arch::fake_cpu = 0; arch::fake_cpu < arch::kMaxCpus; ++arch::fake_cpu) {
    std::vector<std::unique_ptr<KmapLocal>> visits;
    for (u64 i = 0; i < 8; ++i) {
      visits.push_back(std::make_unique<KmapLocal>(high_ + i));
      EXPECT_EQ(frame_at(visits.back()->pointer()), high_.number() + i);
      addresses.insert(VirtAddr::of(visits.back()->pointer()).value());
    }
    EXPECT_THROW(KmapLocal(high_ + 9), std::logic_error) << "a ninth one";
    --arch::fake_irq_depth;  // in the kernel, what fails a CHECK goes no further
    while (!visits.empty()) visits.pop_back();
  }
  arch::fake_cpu = 0;
  ASSERT_EQ(addresses.size(), 64u);
  const Region& fixmap = current_layout().region(RegionKind::fixmap);
  for (const u64 address : addresses) {
    EXPECT_TRUE(fixmap.contains(VirtAddr(address)));
    EXPECT_EQ(addresses.count(address + 4096), 0u) << "a guard page lies between";
  }
}

TEST_F(KmapOnAMachine, TheTemporaryMappingIsReplacedBreakBeforeMake) {
  void* const first = kmap_temporary(high_).value();
  EXPECT_EQ(frame_at(first), high_.number());
  Recorder recorder;
  EXPECT_EQ(kmap_temporary(low_).value(), first) << "even for a frame with a linear address";
  EXPECT_EQ(frame_at(first), low_.number());
  EXPECT_EQ(recorder.log, "pifp");
  EXPECT_EQ(recorder.address, VirtAddr::of(first));
  arch::fake_cpu = 1;
  EXPECT_NE(kmap_temporary(high_).value(), first);
  arch::fake_cpu = 0;
  EXPECT_EQ(frame_at(first), low_.number());
}

/// The pages of the CPUs meet no slot and no other CPU's, in every layout's fixmap.
TEST(Fixmap, PagesOfTheCpusAreDistinctAndInEveryRegion) {
  for (const LayoutId id : kLayoutIds) {
    const Region& fixmap = layout_of(id).region(RegionKind::fixmap);
    std::set<u64> pages;
    for (const FixSlot slot : kFixSlots)
      for (u64 at = 0; at < fixmap_range(fixmap, slot).size(); at += 4096)
        pages.insert(fixmap_range(fixmap, slot).start().value() + at);
    const usize slots = pages.size();
    for (unsigned cpu = 0; cpu < 8; ++cpu)
      for (unsigned n = 0; n < 9; ++n) {
        const VirtRange page = fixmap_cpu_page(fixmap, cpu, n);
        EXPECT_EQ(page.size(), 4096u);
        EXPECT_TRUE(fixmap.range().contains(VirtRange(page.start(), 8192))) << "with its guard";
        EXPECT_EQ(pages.count(page.start().value() - 4096), 0u);
        pages.insert(page.start().value());
      }
    EXPECT_EQ(pages.size(), slots + 72);
  }
}

}  // namespace
}  // namespace meridian
