// SPDX-License-Identifier: MIT
/// Slabs: blocks of frames cut into objects of one size. Each CPU has a list of free objects of
/// each cache, which it uses without a lock; behind these lists stand the slabs, one lock per
/// cache. Lists are chained through the free objects' first word; the rest of a freed object stays
/// as it was.
///
/// Invariants: a slab is in no list when all its objects are out (in a CPU's list counts as out),
/// in `partial` when some are, in `empty` when none is; more than a few empty ones go back to the
/// buddy. All frames of a slab have an entry in the frame table that names the cache; the first one
/// counts.
#pragma once

#include <arch/cpu.h>

#include <array>
#include <atomic>
#include <new>
#include <utility>

#include "kernel/lib/result.h"
#include "kernel/sync/spinlock.h"
#include "mm/frames/frame_list.h"
#include "mm/frames/frames.h"

namespace meridian {

struct SlabCpuList;

/// What slabinfo prints of one cache.
struct SlabStats {
  const char* name;
  u64 active;   // objects that somebody holds (about so while other CPUs are at it)
  u64 objects;  // all there are
  u64 slabs;
  u64 active_slabs;  // of them: with an object out
  u32 object_size;
  u32 objects_per_slab;
  u32 frames_per_slab;
};

class SlabCache {
 public:
  static constexpr u32 kLargestObject = 8 << 10;
  /// Caches there can be.
  static constexpr usize kMaxCaches = 63;

  /// Objects of `size` bytes (1 to kLargestObject), rounded up to `alignment`: a power of two from
  /// 8 to the page size. `name` must live as long as the cache. `id` is for kmalloc, whose caches
  /// are known by number; other caches get one when they are first used.
  constexpr SlabCache(const char* name, u32 size, u32 alignment = 8, u8 id = 0)
      : name_(name),
        size_(rounded(size, alignment)),
        order_(order_for(size_)),
        capacity_(static_cast<u32>((kPageSize << order_) / size_)),
        id_(id) {}
  SlabCache(const SlabCache&) = delete;
  SlabCache& operator=(const SlabCache&) = delete;

  /// One object, not zeroed. Errc::out_of_frames; Errc::out_of_slots if there are too many caches.
  Result<void*> alloc();
  /// Gives it back; `object` is not null. CHECKs that it is of this cache.
  void free(void* object);

  /// Gives this CPU's free objects back to their slabs, and every empty slab to the buddy.
  void drain();
  /// The same for a cache that is to go away (or whose memory is, in a test): CHECKs that all
  /// objects have come back to this CPU, and forgets the cache until it is used again.
  void close();

  SlabStats stats();
  u32 object_size() const { return size_; }

  /// True if an object of this cache may start at `object`, an address in one of its slabs.
  bool may_start_at(const void* object) const;
  /// True if `object`, where one may start, is not given out. (Other CPUs' lists are not searched.)
  bool is_free(const void* object);

  /// Makes the cache known; its first allocation does so. Errc::out_of_slots if there are too many.
  Result<void> enroll();

  // For the hot paths of this cache and of kmalloc, when a CPU's list is empty or full.
  Result<void*> alloc_slowly();
  void free_slowly(void* object);

 private:
  /// The first frame's entry of a slab has this in its second word, below the link.
  using InUse = Field<10, 0>;  // objects out
  using FreeOffset =
      Field<23, 11>;  // where in the slab the chain of free objects starts, in words,
  static constexpr u64 kNoFree = low_ones(13);  // or this

  struct Lists {
    FrameList partial, empty;
    u64 slabs = 0, empty_slabs = 0;
    u64 free_objects = 0;  // in slabs
  };
  /// Free objects, each pointing to the next.
  struct Chain {
    void* first;
    void* last;
    u64 count;
  };

  static constexpr u32 rounded(u32 size, u32 alignment) {
    CHECK(size != 0 && size <= kLargestObject);
    CHECK(is_power_of_two(alignment) && alignment >= 8 && alignment <= kPageSize);
    return static_cast<u32>(align_up(size, alignment));
  }
  /// The smallest that holds eight objects, up to 8 frames.
  static constexpr u32 order_for(u32 size) {
    u32 order = 0;
    while (order < 3 && (kPageSize << order) < 8 * u64{size}) ++order;
    return order;
  }
  /// How many objects a CPU's list takes: four slabs of small ones, two of large ones.
  i64 list_capacity() const { return (order_ == 0 ? 4 : 2) * i64{capacity_}; }
  u64 slab_bytes() const { return kPageSize << order_; }

  bool is_enrolled() const;
  Chain take_from_slab(Lists& lists);
  Result<Chain> new_slab();
  Chain carve(void* slab) const;
  void give_back(SlabCpuList& list);
  u64 objects_in_lists() const;
  [[gnu::always_inline]] Chain unlink_run(SlabCpuList& list) const;
  [[gnu::always_inline]] void put_run(Lists& lists, const Chain& run);
  void release(Lists& lists, Frame slab);
  Frame slab_of(const void* object) const;

  const char* name_;
  u32 size_, order_, capacity_;
  std::atomic<u8> id_;
  Locked<Lists> lists_;
};

/// Gives back all that this CPU keeps for later, in every cache.
void drain_slab_caches();

/// The cache number `id` (below SlabCache::kMaxCaches), or nullptr: for slabinfo.
SlabCache* slab_cache(usize id);

/// Objects of type T.
template <typename T>
class ObjectCache {
 public:
  constexpr explicit ObjectCache(const char* name)
      : cache_(name, sizeof(T), alignof(T) < 8 ? 8 : alignof(T)) {}

  /// A new T. Errc::out_of_frames.
  template <typename... Args>
  Result<T*> make(Args&&... args) {
    void* memory = TRY(cache_.alloc());
    return new (memory) T(std::forward<Args>(args)...);
  }
  void destroy(T* object) {
    object->~T();
    cache_.free(object);
  }
  SlabCache& cache() { return cache_; }

 private:
  SlabCache cache_;
};

}  // namespace meridian
