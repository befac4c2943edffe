// SPDX-License-Identifier: MIT
/// Slabs: blocks of frames cut into objects of one size. Each CPU has a list of free objects of its
/// own, which it uses without a lock; behind these lists stand the slabs, one lock per cache. The
/// list is chained through the free objects' first word; the rest of a freed object stays as it
/// was.
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
#include "mm/frames/frames.h"

namespace meridian {

/// What slabinfo prints of one cache.
struct SlabStats {
  const char* name;
  u64 active;   // objects that somebody holds
  u64 objects;  // all there are
  u32 object_size;
  u32 objects_per_slab;
  u32 frames_per_slab;
  u64 active_slabs;  // slabs with an object out
  u64 slabs;
};

class SlabCache {
 public:
  static constexpr u32 kLargestObject = 8 << 10;

  /// Objects of `size` bytes (1 to kLargestObject), which is rounded up to `alignment`, a power of
  /// two of at least 8. `name` must live as long.
  constexpr SlabCache(const char* name, u32 size, u32 alignment = 8);
  SlabCache(const SlabCache&) = delete;
  SlabCache& operator=(const SlabCache&) = delete;

  /// One object, not zeroed. Errc::out_of_frames.
  Result<void*> alloc();
  /// Gives it back. `object` is not null.
  void free(void* object);

  /// Gives this CPU's free objects back to their slabs, and every empty slab to the buddy.
  void drain();

  SlabStats stats();
  u32 object_size() const { return size_; }
};

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
