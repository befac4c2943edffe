// SPDX-License-Identifier: MIT
/// Memory objects against a map of bytes, and what they leave behind when memory runs out.
#include "mm/user/memory_object.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>
#include <vector>

#include "fake_ram.h"
#include "mm/frames/failure_injection.h"
#include "mm/slab/kmalloc.h"
#include "mm/slab/slab.h"
#include "seed.h"

namespace meridian {
namespace {

constexpr PhysRange kRam{PhysAddr(0x4000'0000), 64_MiB};

class MemoryObjectTest : public testing::Test {
 protected:
  MemoryObjectTest() : ram(std::initializer_list<PhysRange>{kRam}) {}
  ~MemoryObjectTest() override {
    close_kmalloc();
    EXPECT_EQ(frames_out(), 0u) << "frames are missing, or too many came back";
  }

  /// Frames that are not free, without those behind the frame table.
  u64 frames_out() const {
    return kRam.size() / kPageSize - free_frame_count() - ram.backing.frames();
  }
  static Ref<MemoryObject> object(u64 bytes = 0) {
    return MemoryObject::create(MemoryObject::Kind::file, bytes).take();
  }
  static std::vector<std::byte> bytes(usize count, u8 value) {
    return std::vector<std::byte>(count, std::byte{value});
  }

  FakeMachine ram;
};

TEST_F(MemoryObjectTest, ReadsAsZerosAndTakesNoFrameUntilItIsWritten) {
  const auto o = object(1_GiB);
  std::vector<std::byte> seen = bytes(3 * kPageSize, 0xff);
  EXPECT_EQ(o->read(1_GiB - 5000, seen), 5000u);
  EXPECT_EQ(seen[0], std::byte{0});
  EXPECT_EQ(seen[4999], std::byte{0});
  EXPECT_EQ(seen[5000], std::byte{0xff});
  EXPECT_EQ(o->resident_pages(), 0u);
  EXPECT_EQ(o->read(1_GiB, seen), 0u);
  EXPECT_FALSE(o->find(0));
  EXPECT_EQ(o->write(1_GiB - 10, bytes(4, 7)).value(), 4u);
  EXPECT_EQ(o->resident_pages(), 1u);
  EXPECT_EQ(o->size(), 1_GiB);
}

TEST_F(MemoryObjectTest, GivesEachPageOneFrameThatItKeepsAReferenceTo) {
  const auto o = object(2 * kPageSize + 1);
  FrameRef last = o->page(2).take();
  const Frame frame = last.frame();
  EXPECT_EQ(frame_state(frame).owner, FrameOwner::page_cache);
  EXPECT_EQ(frame_info(frame).references(), 2u);
  EXPECT_EQ(o->page(2).value().frame(), frame);
  EXPECT_EQ(o->find(2).frame(), frame);
  EXPECT_EQ(frame_info(frame).references(), 2u) << "the others' references have gone back";
  EXPECT_EQ(o->page(3).error(), (Error{Errc::bad_range, 3}));
  ASSERT_TRUE(o->resize(0));
  EXPECT_EQ(frame_info(frame).references(), 1u) << "ours keeps the frame";
}

TEST_F(MemoryObjectTest, WhatIsCutOffReadsAsZerosWhenItGrowsAgain) {
  const auto o = object();
  ASSERT_EQ(o->write(0, bytes(3 * kPageSize, 0x55)).value(), 3 * kPageSize);
  ASSERT_TRUE(o->resize(kPageSize + 100));
  EXPECT_EQ(o->resident_pages(), 2u);
  ASSERT_TRUE(o->resize(3 * kPageSize));
  std::vector<std::byte> seen = bytes(3 * kPageSize, 0xff);
  ASSERT_EQ(o->read(0, seen), 3 * kPageSize);
  for (u64 i = 0; i < seen.size(); ++i)
    ASSERT_EQ(seen[i], std::byte{i < kPageSize + 100 ? u8{0x55} : u8{0}}) << i;
}

TEST_F(MemoryObjectTest, RefusesOffsetsThatLinuxHasNoNumberFor) {
  const u64 most = (u64{1} << 63) - 1;
  EXPECT_EQ(MemoryObject::create(MemoryObject::Kind::shared, most + 1).error().code,
            Errc::too_large);
  const auto o = object(most);
  EXPECT_EQ(o->resize(most + 1).error().code, Errc::too_large);
  EXPECT_EQ(o->write(most - 1, bytes(2, 1)).error().code, Errc::too_large);
  EXPECT_EQ(o->write(most - 2, bytes(2, 1)).value(), 2u);
  EXPECT_EQ(o->write(~u64{0}, bytes(2, 1)).error().code, Errc::too_large);
  EXPECT_EQ(o->size(), most);
}

/// A page that makes the tree three levels higher, and one beside it, with each allocation failing.
TEST_F(MemoryObjectTest, RunningOutOfFramesAnywhereChangesNothing) {
  const u64 far = u64{1} << 40;
  for (u64 nth = 1;; ++nth) {
    SCOPED_TRACE(nth);
    const auto o = object();
    ASSERT_TRUE(o->write(0, bytes(10, 1)));
    FailAllocation fail(nth);
    const Result<u64> written = o->write(far, bytes(10, 2));
    if (written.has_value()) {
      ASSERT_FALSE(fail.has_fired());
      ASSERT_GT(nth, 2u);
      break;
    }
    EXPECT_EQ(written.error().code, Errc::out_of_frames);
    EXPECT_EQ(o->size(), 10u);
    EXPECT_EQ(o->resident_pages(), 1u);
    EXPECT_EQ(o->write(far, bytes(10, 2)).value(), 10u) << "the next attempt";
  }
}

TEST_F(MemoryObjectTest, AWriteThatRunsOutOfFramesSaysHowFarItCame) {
  const auto o = object();
  FailAllocation fail(6);  // three pages take a frame and (all but the first) perhaps nodes
  const u64 written = o->write(100, bytes(20 * kPageSize, 9)).value();
  EXPECT_TRUE(fail.has_fired());
  EXPECT_GT(written, 0u);
  EXPECT_EQ((100 + written) % kPageSize, 0u);
  EXPECT_EQ(o->size(), 100 + written);
}

/// Sparse writes, cuts and reads anywhere in 63 bits, against a map from offset to byte.
TEST_F(MemoryObjectTest, HoldsWhatAMapOfBytesSays) {
  std::mt19937_64 random(test_seed() + 30);
  const u64 bases[] = {0, 61 * kPageSize, 4095 * kPageSize, u64{1} << 31, (u64{1} << 62) - 3000};
  const auto o = object();
  std::map<u64, u8> model;
  u64 size = 0;
  for (int i = 0; i < 1500; ++i) {
    const u64 offset = bases[random() % std::size(bases)] + random() % (6 * kPageSize);
    const usize count = random() % (random() % 8 == 0 ? 3 * kPageSize : 200);
    if (random() % 16 == 0) {
      ASSERT_TRUE(o->resize(offset));
      size = offset;
      model.erase(model.lower_bound(offset), model.end());
    } else if (random() % 2 == 0) {
      const u8 value = static_cast<u8>(random());
      ASSERT_EQ(o->write(offset, bytes(count, value)).value(), count);
      for (usize b = 0; b < count; ++b) model[offset + b] = value;
      if (count != 0) size = std::max(size, offset + count);
    }
    ASSERT_EQ(o->size(), size);
    std::vector<std::byte> seen = bytes(count + 50, 0);
    const u64 there = offset < size ? std::min<u64>(count + 50, size - offset) : 0;
    ASSERT_EQ(o->read(offset, seen), there);
    for (u64 b = 0; b < there; ++b) {
      const auto known = model.find(offset + b);
      ASSERT_EQ(seen[b], std::byte{known != model.end() ? known->second : u8{0}}) << offset + b;
    }
  }
}

TEST_F(MemoryObjectTest, SeveralCpusThatWantOnePageGetOneFrame) {
  const auto o = object(64 * kPageSize);
  std::vector<std::vector<u64>> seen(4);
  std::vector<std::thread> cpus;
  for (unsigned cpu = 0; cpu < 4; ++cpu) {
    cpus.emplace_back([&, cpu] {
      arch::fake_cpu = cpu;
      for (u64 page = 0; page < 64; ++page)
        seen[cpu].push_back(o->page(page).take().frame().number());
      drain_slab_caches();
      drain_frame_cache();
    });
  }
  for (std::thread& cpu : cpus) cpu.join();
  for (unsigned cpu = 1; cpu < 4; ++cpu) EXPECT_EQ(seen[cpu], seen[0]);
  EXPECT_EQ(o->resident_pages(), 64u);
}

/// A Ref gives the object back exactly when the last one goes.
struct Counted : RefCounted {
  explicit Counted(int& destroyed) : destroyed_(destroyed) {}
  static void destroy(Counted* object) { ++object->destroyed_; }
  int& destroyed_;
};

TEST(Ref, TheLastOneDestroysTheObject) {
  int destroyed = 0;
  Counted object(destroyed);
  {
    Ref<Counted> first = Ref<Counted>::adopt(object);
    Ref<Counted> second = first;
    EXPECT_EQ(object.references(), 2u);
    Ref<Counted> third = std::move(first);
    EXPECT_EQ(object.references(), 2u);
    EXPECT_FALSE(first);
    second = third;
    third.reset();
    EXPECT_EQ(object.references(), 1u);
    EXPECT_EQ(Ref<Counted>(object), second);
    EXPECT_EQ(destroyed, 0);
  }
  EXPECT_EQ(destroyed, 1);
  EXPECT_THROW((void)object.drop_ref(), std::logic_error) << "nobody has one";
}

}  // namespace
}  // namespace meridian
