// SPDX-License-Identifier: MIT
/// What the hot paths of slabs touch, all of it reached from one address: each CPU's lists of free
/// objects, and the ways from a size and from a pointer to the cache.
#pragma once

#include <arch/cpu.h>
#include <arch/irq.h>

#include <array>

#include "mm/frames/failure_injection.h"
#include "mm/frames/poison.h"
#include "mm/slab/kmalloc.h"
#include "mm/slab/slab.h"

namespace meridian {

/// One CPU's free objects of one cache. Only that CPU looks at it, with interrupts masked.
struct SlabCpuList {
  void* first = nullptr;  // each object's first word points to the next
  i64 room = 0;           // how many objects it still takes

  /// The object that came last, or nullptr.
  void* pop() {
    const SlabCpuList was = *this;
    if (was.first == nullptr) [[unlikely]]
      return nullptr;
    *this = {*static_cast<void**>(was.first), was.room + 1};
    return was.first;
  }
  /// False, and nothing is done, if there is no room.
  bool push(void* object) {
    const SlabCpuList was = *this;
    if (was.room == 0) [[unlikely]]
      return false;
    *static_cast<void**>(object) = was.first;
    *this = {object, was.room - 1};
    return true;
  }
};

/// The lists of one CPU. They do not stand at its start, and list() hides from the compiler where
/// it found this, so that an address with an offset is worked out once, and both words of a list
/// move by one LDP and one STP: two instructions less for each object.
struct alignas(64) SlabCpuLists {
  u64 unused[2];
  std::array<SlabCpuList, SlabCache::kMaxCaches> lists;
};
static_assert(is_power_of_two(sizeof(SlabCpuLists)));  // found by a shift

struct SlabFront {
  std::array<SlabCpuLists, arch::kMaxCpus> cpus;
  /// Where the frame table's entry of linear address 0 would be. Set once, before the first object
  /// exists.
  u64 entries;
  /// kmalloc: the id of the cache for sizes 8i + 1 to 8i + 8.
  std::array<u8, kMaxSlabSize / 8> id_of_size;
  std::array<std::atomic<SlabCache*>, SlabCache::kMaxCaches> caches;

  /// The entry of the frame behind a linear address.
  FrameInfo& info(const void* object) const {
    const u64 page = VirtAddr::of(object).value() >> kPageShift;
    return *reinterpret_cast<FrameInfo*>(entries + page * sizeof(FrameInfo));
  }
  SlabCpuList& list(usize id) { return std::launder(&cpus[arch::cpu_index()])->lists[id]; }
};

[[gnu::visibility("hidden")]] extern SlabFront slab_front;

// In self-checking builds: an object that is given out still holds what it was filled with when it
// was freed, and one that is freed does not (else it was freed before). The first word is the
// list's.
void check_object_given_out(void* object, usize size);
void check_object_freed(void* object, usize size);

/// The hot path of every allocation: from this CPU's list `id`, else slowly from `cache`.
[[gnu::always_inline]] inline Result<void*> slab_alloc(SlabCache& cache, usize id) {
  if (allocation_must_fail()) return Error{Errc::out_of_frames, 0};
  {
    arch::IrqGuard irq;
    void* const object = slab_front.list(id).pop();
    if (object != nullptr) [[likely]] {
      if constexpr (kSelfChecks) check_object_given_out(object, cache.object_size());
      return object;
    }
  }
  return cache.alloc_slowly();
}

/// The hot path of every free: onto this CPU's list `id`. False, and nothing is done, if that is
/// full; list 0, of what is in no cache, always is.
[[gnu::always_inline]] inline bool slab_free(void* object, usize id) {
  if constexpr (kSelfChecks)
    if (id != 0) check_object_freed(object, slab_cache(id)->object_size());
  arch::IrqGuard irq;
  return slab_front.list(id).push(object);
}

}  // namespace meridian
