// SPDX-License-Identifier: MIT
#include "mm/slab/slab.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fake_ram.h"
#include "mm/slab/kmalloc.h"
#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

constexpr PhysRange kRam{PhysAddr(0x4000'0000), 64_MiB};

/// A machine, and the caches that a test makes on it; at the end all must have come back.
class Slab : public testing::Test {
 protected:
  Slab() : machine_(std::initializer_list<PhysRange>{kRam}) {}
  ~Slab() override {
    for (arch::fake_cpu = 0; arch::fake_cpu < arch::kMaxCpus; ++arch::fake_cpu) drain_slab_caches();
    arch::fake_cpu = 0;
    for (auto& cache : caches_) cache->close();
    close_kmalloc();  // the next machine's frame table is elsewhere
    EXPECT_EQ(free_frame_count() + machine_.backing.frames(), kRam.size() / 4096);
    EXPECT_EQ(arch::fake_irq_depth, 0);
  }

  SlabCache& make(const char* name, u32 size, u32 alignment = 8) {
    caches_.push_back(std::make_unique<SlabCache>(name, size, alignment));
    return *caches_.back();
  }
  static std::vector<void*> take(SlabCache& cache, usize count) {
    std::vector<void*> objects;
    for (usize i = 0; i < count; ++i) objects.push_back(cache.alloc().value());
    return objects;
  }
  static void free_all(SlabCache& cache, std::vector<void*>& objects) {
    for (void* object : objects) cache.free(object);
    objects.clear();
  }

  FakeMachine machine_;
  std::vector<std::unique_ptr<SlabCache>> caches_;
};

/// Objects have their size to themselves, and their alignment, whatever both are.
TEST_F(Slab, GivesDisjointAlignedObjects) {
  struct Case {
    u32 size, alignment;
  };
  for (const Case& c : {Case{1, 8},
                        {8, 8},
                        {24, 8},
                        {40, 64},
                        {96, 32},
                        {100, 8},
                        {513, 8},
                        {1000, 256},
                        {3000, 8},
                        {4096, 4096},
                        {5000, 8},
                        {8192, 8}}) {
    SlabCache& cache = make("test", c.size, c.alignment);
    std::vector<void*> objects = take(cache, 300);
    std::set<u64> starts;
    for (void* object : objects) {
      std::memset(object, 1, c.size);
      EXPECT_TRUE(VirtAddr::of(object).is_aligned(c.alignment));
      EXPECT_TRUE(cache.may_start_at(object));
      starts.insert(VirtAddr::of(object).value());
    }
    ASSERT_EQ(starts.size(), 300u);
    for (auto it = std::next(starts.begin()); it != starts.end(); ++it)
      EXPECT_GE(*it - *std::prev(it), c.size) << "overlap";
    free_all(cache, objects);
  }
}

/// An object is in physically contiguous memory: every frame it touches is of the cache's slabs.
TEST_F(Slab, MarksEveryFrameOfASlab) {
  SlabCache& cache = make("large", 5000);
  std::vector<void*> objects = take(cache, 20);
  for (void* object : objects) {
    for (const u64 at : {0, 4096, 4999}) {
      const PhysAddr pa = linear_map.phys_of(static_cast<u8*>(object) + at);
      const FrameState state = frame_state(Frame::containing(pa));
      EXPECT_EQ(state.owner, FrameOwner::slab);
      EXPECT_EQ(state.order, 3u);
    }
  }
  free_all(cache, objects);
}

/// The object freed last is given out first.
TEST_F(Slab, GivesTheLastFreedObjectFirst) {
  SlabCache& cache = make("lifo", 64);
  void* const a = cache.alloc().value();
  void* const b = cache.alloc().value();
  cache.free(a);
  cache.free(b);
  EXPECT_EQ(cache.alloc().value(), b);
  EXPECT_EQ(cache.alloc().value(), a);
  cache.free(a);
  cache.free(b);
}

/// The figures of slabinfo, by hand for 64-byte objects: 64 to a slab of one frame.
TEST_F(Slab, CountsItsObjects) {
  SlabCache& cache = make("counted", 60);
  EXPECT_EQ(cache.stats().objects, 0u) << "before the first";
  std::vector<void*> objects = take(cache, 65);
  SlabStats stats = cache.stats();
  EXPECT_STREQ(stats.name, "counted");
  EXPECT_EQ(stats.object_size, 64u);
  EXPECT_EQ(stats.objects_per_slab, 64u);
  EXPECT_EQ(stats.frames_per_slab, 1u);
  EXPECT_EQ(stats.active, 65u);
  EXPECT_EQ(stats.objects, 128u);
  EXPECT_EQ(stats.slabs, 2u);
  EXPECT_EQ(stats.active_slabs, 2u);
  cache.free(objects.back());
  objects.pop_back();
  EXPECT_EQ(cache.stats().active, 64u);
  free_all(cache, objects);
  stats = cache.stats();
  EXPECT_EQ(stats.active, 0u);
  EXPECT_EQ(stats.objects, 128u);
}

/// Empty slabs go back to the buddy, but for a few; drain() gives these back too.
TEST_F(Slab, KeepsFewEmptySlabs) {
  SlabCache& cache = make("many", 64);
  const u64 free_before = free_frame_count() + machine_.backing.frames();
  std::vector<void*> objects = take(cache, 64 * 100);
  EXPECT_EQ(cache.stats().slabs, 100u);
  free_all(cache, objects);
  EXPECT_LE(cache.stats().slabs, 7u);
  cache.drain();
  EXPECT_EQ(cache.stats().slabs, 0u);
  EXPECT_EQ(cache.stats().objects, 0u);
  EXPECT_EQ(free_frame_count() + machine_.backing.frames(), free_before);
}

/// Slabs with free objects are used before a new one is made.
TEST_F(Slab, FillsSlabsThatHaveRoom) {
  SlabCache& cache = make("partial", 512);
  std::vector<void*> objects = take(cache, 8 * 20), kept;
  for (usize i = 0; i < objects.size(); ++i) {
    if (i % 8 < 3)
      kept.push_back(objects[i]);
    else
      cache.free(objects[i]);
  }
  cache.drain();
  EXPECT_EQ(cache.stats().slabs, 20u);
  EXPECT_EQ(cache.stats().active, 60u);
  std::vector<void*> more = take(cache, 100);
  EXPECT_EQ(cache.stats().slabs, 20u);
  free_all(cache, more);
  free_all(cache, kept);
}

/// An object allocated on one CPU may be freed on another; its slab gets it back from there.
TEST_F(Slab, TakesObjectsBackOnAnyCpu) {
  SlabCache& cache = make("cpus", 256);
  std::vector<void*> objects = take(cache, 1000);
  for (usize i = 0; i < objects.size(); ++i) {
    arch::fake_cpu = static_cast<unsigned>(i % arch::kMaxCpus);
    cache.free(objects[i]);
  }
  for (arch::fake_cpu = 0; arch::fake_cpu < arch::kMaxCpus; ++arch::fake_cpu) cache.drain();
  arch::fake_cpu = 0;
  EXPECT_EQ(cache.stats().slabs, 0u);
}

/// Which objects are given out, asked of the cache.
TEST_F(Slab, KnowsWhichObjectsAreFree) {
  SlabCache& cache = make("asked", 128);
  std::vector<void*> objects = take(cache, 40);
  u8* const first = static_cast<u8*>(objects[0]);
  EXPECT_FALSE(cache.is_free(first));
  EXPECT_FALSE(cache.may_start_at(first + 8));
  cache.free(first);
  EXPECT_TRUE(cache.is_free(first)) << "in this CPU's list";
  cache.drain();
  EXPECT_TRUE(cache.is_free(first)) << "in its slab";
  EXPECT_FALSE(cache.is_free(objects[1]));
  objects.erase(objects.begin());
  free_all(cache, objects);
}

/// The rest of a slab behind its last object is nobody's.
TEST_F(Slab, DoesNotUseTheRestOfASlab) {
  SlabCache& cache = make("odd", 1000);  // 8 in 8 KiB, 192 bytes left
  void* const object = cache.alloc().value();
  u8* const slab = reinterpret_cast<u8*>(VirtAddr::of(object).align_down(8192).value());
  EXPECT_TRUE(cache.may_start_at(slab + 7000));
  EXPECT_FALSE(cache.may_start_at(slab + 8000));
  cache.free(object);
}

/// Typed objects are constructed and destroyed.
TEST_F(Slab, MakesTypedObjects) {
  static int alive = 0;
  struct alignas(64) Thing {
    explicit Thing(int from) : value(from) { ++alive; }
    ~Thing() { --alive; }
    int value;
  };
  ObjectCache<Thing> cache("thing");
  Thing* const a = cache.make(5).value();
  Thing* const b = cache.make(6).value();
  EXPECT_EQ(alive, 2);
  EXPECT_EQ(a->value + b->value, 11);
  EXPECT_TRUE(VirtAddr::of(a).is_aligned(64));
  EXPECT_EQ(cache.cache().object_size(), 64u);
  cache.destroy(a);
  cache.destroy(b);
  EXPECT_EQ(alive, 0);
  {
    FailAllocation failure(1);
    EXPECT_EQ(cache.make(7).error().code, Errc::out_of_frames);
    EXPECT_EQ(alive, 0);
    count_injections("ObjectCache");
  }
  cache.cache().close();
}

/// There is room for 49 caches beside kmalloc's; the next is refused until one is closed.
TEST_F(Slab, RefusesTooManyCaches) {
  std::vector<void*> objects;
  for (int i = 0; i < 49; ++i) objects.push_back(make("one of many", 32).alloc().value());
  SlabCache late("late", 32);
  EXPECT_EQ(late.alloc().error(), (Error{Errc::out_of_slots, 63}));
  usize known = 0;
  for (usize id = 0; id < SlabCache::kMaxCaches; ++id) known += slab_cache(id) != nullptr ? 1 : 0;
  EXPECT_EQ(known, 49u);
  for (int i = 0; i < 49; ++i) caches_[i]->free(objects[i]);
  caches_[20]->close();
  void* const object = late.alloc().value();
  late.free(object);
  late.close();
}

/// Objects that were never freed keep a cache from being closed.
TEST_F(Slab, IsNotClosedWhileObjectsAreOut) {
  SlabCache& cache = make("leaky", 32);
  void* const object = cache.alloc().value();
  EXPECT_THROW(cache.close(), std::logic_error);
  cache.free(object);
}

/// A cache that cannot be: no size, too large, an alignment that is none.
TEST_F(Slab, ChecksItsParameters) {
  EXPECT_THROW(SlabCache("none", 0), std::logic_error);
  EXPECT_THROW(SlabCache("large", 8193), std::logic_error);
  EXPECT_THROW(SlabCache("unaligned", 64, 4), std::logic_error);
  EXPECT_THROW(SlabCache("overaligned", 64, 8192), std::logic_error);
}

/// Freeing an object a second time, or to a cache that is not its own, is caught.
TEST_F(Slab, BadFreesAreCaught) {
  SlabCache& cache = make("victim", 64);
  SlabCache& other = make("other", 64);
  void* const object = cache.alloc().value();
  void* const foreign = other.alloc().value();
  EXPECT_THROW(cache.free(foreign), std::logic_error);
  cache.free(object);
  EXPECT_THROW(cache.free(object), std::logic_error);
  other.free(foreign);
}

/// An object too small to tell by what it holds is freed twice: its slab notices when it comes
/// back.
TEST_F(Slab, CountsWhatComesBackToASlab) {
  SlabCache& cache = make("twice", 8);
  void* const object = cache.alloc().value();
  cache.free(object);
  cache.free(object);
  EXPECT_THROW(cache.drain(), std::logic_error);

  // Mend the list, so that the cache can be closed: behind the object was the one next to it.
  *static_cast<void**>(object) = static_cast<u8*>(object) + 8;
  cache.drain();
  EXPECT_EQ(cache.stats().slabs, 0u);
}

/// Writing to an object after freeing it is found when it is given out again.
TEST_F(Slab, WritingAfterFreeIsCaught) {
  SlabCache& cache = make("stale", 64);
  u8* const object = static_cast<u8*>(cache.alloc().value());
  EXPECT_EQ(object[20], kObjectFresh);
  cache.free(object);
  EXPECT_TRUE(are_poisoned(object + 8, 56));
  object[63] = 0;
  EXPECT_THROW((void)cache.alloc(), std::logic_error);
  cache.free(object);  // it was given out before it was looked at
}

/// Random objects on random CPUs, each filled with a pattern of its own: nobody writes to
/// another's, and all memory comes back. Every so often an allocation is made to fail.
TEST_F(Slab, KeepsObjectsApartOnAllCpus) {
  std::mt19937_64 random(test_seed() + 8);
  SlabCache* const caches[] = {&make("a", 24), &make("b", 200), &make("c", 2048)};
  struct Object {
    SlabCache* cache;
    u8* start;
    u8 pattern;
  };
  std::vector<Object> held;
  u64 injected = 0;
  for (int step = 0; step < 40'000; ++step) {
    arch::fake_cpu = static_cast<unsigned>(random() % 4);
    const bool filling = step / 5000 % 2 == 0;
    if (held.empty() || random() % 100 < (filling ? 60u : 40u)) {
      SlabCache& cache = *caches[random() % 3];
      const bool fail = random() % 8 == 0;
      FailAllocation failure(fail ? 1 : 0);
      const auto object = cache.alloc();
      injected += fail ? 1 : 0;
      ASSERT_EQ(object.has_value(), !fail);
      if (!object) continue;
      const Object o{&cache, static_cast<u8*>(object.value()), static_cast<u8>(random())};
      std::memset(o.start, o.pattern, cache.object_size());
      held.push_back(o);
    } else {
      std::swap(held[random() % held.size()], held.back());
      const Object o = held.back();
      held.pop_back();
      ASSERT_TRUE(is_filled(o.start, o.cache->object_size(), o.pattern));
      o.cache->free(o.start);
    }
  }
  for (const Object& o : held) o.cache->free(o.start);
  count_injections("SlabCache", injected);
}

/// CPUs that really run at once, handing objects to each other.
TEST_F(Slab, SurvivesCpusAtOnce) {
  SlabCache& cache = make("shared", 96);
  constexpr unsigned kCpus = 4;
  Locked<std::vector<u64*>> passed;
  std::atomic<unsigned> wrong = 0;
  const auto work = [&](unsigned cpu) {
    arch::fake_cpu = cpu;
    std::mt19937_64 random(test_seed() + 9 + cpu);
    std::vector<u64*> own;
    for (int step = 0; step < 5000; ++step) {
      const u64 dice = random() % 4;
      if (dice < 2 && own.size() < 300) {
        own.push_back(static_cast<u64*>(cache.alloc().value()));
        for (int i = 0; i < 12; ++i) own.back()[i] = VirtAddr::of(own.back()).value();
      } else if (!own.empty() && dice == 2) {
        passed.with([&](std::vector<u64*>& p) { p.push_back(own.back()); });
        own.pop_back();
      } else {
        u64* object = nullptr;
        passed.with([&](std::vector<u64*>& p) {
          if (p.empty()) return;
          object = p.back();
          p.pop_back();
        });
        if (object == nullptr) continue;
        for (int i = 0; i < 12; ++i) wrong += object[i] != VirtAddr::of(object).value() ? 1 : 0;
        cache.free(object);
      }
    }
    for (u64* object : own) cache.free(object);
    cache.drain();
  };
  {
    std::vector<std::jthread> cpus;
    for (unsigned cpu = 0; cpu < kCpus; ++cpu) cpus.emplace_back(work, cpu);
  }
  passed.with([&](std::vector<u64*>& p) {
    for (u64* object : p) cache.free(object);
  });
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace meridian
