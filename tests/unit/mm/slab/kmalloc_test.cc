// SPDX-License-Identifier: MIT
#include "mm/slab/kmalloc.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "fake_ram.h"
#include "mm/slab/slab.h"
#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

constexpr PhysRange kRam{PhysAddr(0x4000'0000), 64_MiB};

/// A machine; at the end of a test all of its memory must have come back.
class Kmalloc : public testing::Test {
 protected:
  Kmalloc() : machine_(std::initializer_list<PhysRange>{kRam}) {}
  ~Kmalloc() override {
    for (arch::fake_cpu = 0; arch::fake_cpu < arch::kMaxCpus; ++arch::fake_cpu) drain_slab_caches();
    arch::fake_cpu = 0;
    EXPECT_NO_THROW(close_kmalloc());
    EXPECT_EQ(free_frame_count() + machine_.backing.frames(), kRam.size() / 4096);
    EXPECT_EQ(arch::fake_irq_depth, 0);
  }

  u64 used() const { return kRam.size() / 4096 - machine_.backing.frames() - free_frame_count(); }
  static u8* alloc(usize size) { return static_cast<u8*>(kmalloc(size).value()); }

  FakeMachine machine_;
};

/// The size that is really there, for each size around each step.
TEST_F(Kmalloc, RoundsUpToItsSizes) {
  struct Case {
    usize asked, got;
  };
  const Case cases[] = {
      {1, 8},         {8, 8},         {9, 16},         {16, 16},         {17, 32},
      {33, 64},       {64, 64},       {65, 96},        {96, 96},         {97, 128},
      {128, 128},     {129, 192},     {192, 192},      {193, 256},       {256, 256},
      {257, 512},     {513, 1024},    {1024, 1024},    {1025, 2048},     {2049, 4096},
      {4096, 4096},   {4097, 8192},   {8192, 8192},    {8193, 16384},    {16384, 16384},
      {16385, 32768}, {65536, 65536}, {65537, 131072}, {131072, 131072},
  };
  for (const Case& c : cases) {
    u8* const object = alloc(c.asked);
    EXPECT_EQ(kmalloc_size(object), c.got) << c.asked;
    std::memset(object, 0x11, c.got);
    kfree(object);
  }
}

/// A power of two is aligned to itself: DMA buffers and tables rely on it.
TEST_F(Kmalloc, AlignsPowersOfTwoToThemselves) {
  std::vector<void*> objects;
  for (usize size = 8; size <= kMaxKmalloc; size *= 2)
    for (int i = 0; i < 5; ++i) {
      objects.push_back(alloc(size));
      EXPECT_TRUE(VirtAddr::of(objects.back()).is_aligned(size)) << size;
    }
  for (int i = 0; i < 50; ++i) {
    objects.push_back(alloc(96));
    EXPECT_TRUE(VirtAddr::of(objects.back()).is_aligned(32));
    objects.push_back(alloc(192));
    EXPECT_TRUE(VirtAddr::of(objects.back()).is_aligned(64));
  }
  for (void* object : objects) kfree(object);
}

/// Sizes the compiler knows take a shorter way to the same caches.
TEST_F(Kmalloc, FindsTheSameCacheForConstants) {
  void* const constant = kmalloc_of(kmalloc_id(100)).value();
  EXPECT_EQ(kmalloc_size(constant), 128u);
  static_assert(kmalloc_id(1) == 1 && kmalloc_id(8) == 1 && kmalloc_id(9) == 2);
  static_assert(kmalloc_id(96) == 5 && kmalloc_id(97) == 6 && kmalloc_id(192) == 7);
  static_assert(kmalloc_id(8192) == 13);
  kfree(constant);
}

/// D2: 128 KiB is the largest; one byte more, or any absurd size, is refused, and so is none at
/// all.
TEST_F(Kmalloc, RefusesWhatItCannotGive) {
  kfree(alloc(kMaxKmalloc));
  const u64 before = used();
  std::mt19937_64 random(test_seed() + 10);
  std::vector<usize> sizes{kMaxKmalloc + 1, 1_MiB, 4_GiB, ~usize{0}, ~usize{0} - 1, usize{1} << 63};
  for (int i = 0; i < 1000; ++i) sizes.push_back((random() | 1 << 17) + 1);
  for (const usize size : sizes) {
    count_bad_input("kmalloc");
    EXPECT_EQ(kmalloc(size).error(), (Error{Errc::too_large, size}));
  }
  count_bad_input("kmalloc");
  EXPECT_EQ(kmalloc(0).error(), (Error{Errc::bad_range, 0}));
  EXPECT_EQ(used(), before);
}

/// A large object is frames of its own, with its order kept in the frame table.
TEST_F(Kmalloc, GivesLargeObjectsFramesOfTheirOwn) {
  u8* const object = alloc(40'000);
  const FrameState state = frame_state(Frame(linear_map.phys_of(object)));
  EXPECT_EQ(state.owner, FrameOwner::kmalloc);
  EXPECT_EQ(state.order, 4u);
  EXPECT_EQ(used(), 16u);
  kfree(object);
  EXPECT_EQ(used(), 0u);
}

/// kfree(nullptr) does nothing; every other wrong pointer stops the machine, saying whose memory it
/// is.
TEST_F(Kmalloc, FreeingWhatIsNotItsOwnIsCaught) {
  kfree(nullptr);
  u8* const large = alloc(20'000);
  const Frame frame = alloc_frame(FrameOwner::user).value();
  try {
    kfree(linear_map.pointer(frame));
    ADD_FAILURE();
  } catch (const std::logic_error& error) {
    EXPECT_NE(std::string(error.what()).find("its frame's owner is user"), std::string::npos);
  }
  free_frame(frame);
  EXPECT_THROW(kfree(large + 8), std::logic_error);
  EXPECT_THROW(kfree(large + 4096), std::logic_error);
  kfree(large);
  EXPECT_THROW(kfree(large), std::logic_error);
}

/// Addresses that a person types, any of them: only objects that are given out are freed.
TEST_F(Kmalloc, TypedAddressesAreChecked) {
  std::mt19937_64 random(test_seed() + 11);
  SlabCache typed("typed", 64);
  u8* const of_another_cache = static_cast<u8*>(typed.alloc().value());
  std::map<u8*, usize> held;
  const usize sizes[] = {8, 24, 96, 700, 8192, 9000, 131'072};
  const auto grab = [&] {
    const usize size = sizes[random() % std::size(sizes)];
    held[alloc(size)] = size;
  };
  for (int i = 0; i < 60; ++i) grab();
  for (int i = 0; i < 5000; ++i) {
    auto it = held.begin();
    std::advance(it, random() % held.size());
    u8* address = it->first;
    switch (random() % 5) {
      case 0:
        address += random() % it->second;
        break;
      case 1:
        address += 4096 * (random() % 64);
        break;
      case 2:
        address = reinterpret_cast<u8*>(random());
        break;
      case 3:
        address = of_another_cache + random() % 2 * 64;
        break;
      default:
        break;
    }
    const bool right = held.contains(address);
    if (!right) count_bad_input("try_kfree");
    const Result<void> freed = try_kfree(address);
    ASSERT_EQ(freed.has_value(), right) << static_cast<void*>(address);
    if (!right) {
      EXPECT_EQ(freed.error(), (Error{Errc::not_allocated, VirtAddr::of(address).value()}));
      continue;
    }
    EXPECT_FALSE(try_kfree(address)) << "twice";
    held.erase(address);
    grab();
  }
  EXPECT_FALSE(try_kfree(nullptr));
  for (const auto& [object, size] : held) kfree(object);
  typed.free(of_another_cache);
  typed.close();
}

/// Objects of all sizes, each with a pattern of its own, allocated and freed on all CPUs.
TEST_F(Kmalloc, KeepsObjectsApart) {
  std::mt19937_64 random(test_seed() + 12);
  struct Object {
    u8* start;
    usize size;
    u8 pattern;
  };
  std::vector<Object> held;
  for (int step = 0; step < 20'000; ++step) {
    arch::fake_cpu = static_cast<unsigned>(random() % arch::kMaxCpus);
    if (held.size() < 400 && (held.empty() || random() % 2 == 0)) {
      const usize size = 1 + random() % (usize{8} << random() % 15);
      const auto object = kmalloc(size);
      ASSERT_TRUE(object);
      held.push_back({static_cast<u8*>(object.value()), size, static_cast<u8>(random())});
      std::memset(held.back().start, held.back().pattern, size);
    } else {
      std::swap(held[random() % held.size()], held.back());
      const Object o = held.back();
      held.pop_back();
      ASSERT_TRUE(is_filled(o.start, o.size, o.pattern));
      kfree(o.start);
    }
  }
  for (const Object& o : held) kfree(o.start);
}

/// Each allocation of a sequence fails in turn (those of frames behind kmalloc's too): the request
/// that needed it fails, the others do not notice, and nothing is left behind.
TEST_F(Kmalloc, FailsOneAllocationInTurn) {
  std::mt19937_64 random(test_seed() + 13);
  for (int round = 0; round < 60; ++round) {
    std::vector<usize> sizes;
    for (int i = 0; i < 40; ++i) sizes.push_back(1 + random() % (usize{8} << random() % 15));
    for (u64 nth = 1;; ++nth) {
      drain_slab_caches();
      ASSERT_EQ(used(), 0u);
      FailAllocation failure(nth);
      std::vector<void*> held;
      usize failed = 0;
      for (const usize size : sizes) {
        const auto object = kmalloc(size);
        if (object)
          held.push_back(object.value());
        else
          ++failed;
      }
      const bool fired = failure.has_fired();
      for (void* object : held) kfree(object);
      if (!fired) break;
      ASSERT_EQ(failed, 1u);
      count_injections("kmalloc");
    }
  }
}

/// When memory is really gone, kmalloc says so, and what it holds still comes back.
TEST_F(Kmalloc, RunsOutCleanly) {
  std::vector<void*> held;
  for (const usize size : {131'072u, 8192u, 64u, 8u})
    while (const auto object = kmalloc(size)) held.push_back(object.value());
  EXPECT_EQ(kmalloc(64).error().code, Errc::out_of_frames);
  EXPECT_EQ(kmalloc(131'072).error().code, Errc::out_of_frames);
  for (void* object : held) kfree(object);
}

/// What slabinfo lists: the caches that have been used, by their names.
TEST_F(Kmalloc, ListsTheCachesInUse) {
  void* const small = kmalloc(100).value();
  void* const large = kmalloc(5000).value();
  std::vector<std::string> names;
  for (usize id = 0; id < SlabCache::kMaxCaches; ++id) {
    SlabCache* const cache = slab_cache(id);
    if (cache == nullptr) continue;
    EXPECT_EQ(cache->stats().active, 1u);
    names.push_back(cache->stats().name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"kmalloc-128", "kmalloc-8k"}));
  kfree(small);
  kfree(large);
}

/// Objects that were never freed keep kmalloc from being closed.
TEST_F(Kmalloc, IsNotClosedWhileObjectsAreOut) {
  void* const object = kmalloc(10).value();
  EXPECT_THROW(close_kmalloc(), std::logic_error);
  kfree(object);
}

}  // namespace
}  // namespace meridian
