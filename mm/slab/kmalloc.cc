// SPDX-License-Identifier: MIT
#include "mm/slab/kmalloc.h"

#include "mm/kernel/linear_map.h"
#include "mm/slab/cpu_lists.h"

namespace meridian {
namespace {

constexpr std::array kNames{"kmalloc-8",   "kmalloc-16",  "kmalloc-32",  "kmalloc-64",
                            "kmalloc-96",  "kmalloc-128", "kmalloc-192", "kmalloc-256",
                            "kmalloc-512", "kmalloc-1k",  "kmalloc-2k",  "kmalloc-4k",
                            "kmalloc-8k"};
static_assert(kNames.size() == kKmallocSizes.size() && kKmallocSizes.back() == kMaxSlabSize);

template <usize... kIndices>
constexpr std::array<SlabCache, sizeof...(kIndices)> make_caches(std::index_sequence<kIndices...>) {
  return {SlabCache(kNames[kIndices], kKmallocSizes[kIndices], 8, u8{kIndices + 1})...};
}

constinit auto caches = make_caches(std::make_index_sequence<kKmallocSizes.size()>());

constexpr std::array<u8, kMaxSlabSize / 8> make_ids() {
  std::array<u8, kMaxSlabSize / 8> ids{};
  for (usize i = 0; i < ids.size(); ++i) ids[i] = kmalloc_id(8 * i + 8);
  return ids;
}

constexpr bool every_size_has_its_cache() {
  for (usize size = 1, id = 1; size <= kMaxSlabSize; ++size) {
    if (size > kKmallocSizes[id - 1]) ++id;
    if (kmalloc_id(size) != id) return false;
  }
  return true;
}
static_assert(every_size_has_its_cache());

unsigned order_of(usize size) {
  return static_cast<unsigned>(std::bit_width((size - 1) >> kPageShift));
}

[[noreturn]] void refuse_free(const void* object, FrameOwner owner) {
  BufferWriter<128> text;
  print(text, "kfree of {}, which is no object of kmalloc: its frame's owner is {}",
        VirtAddr::of(object), name_of(owner));
  text.put('\0');
  check_failed(text.text().data(), __FILE__, __LINE__);
}

/// Frames of their own.
[[gnu::noinline]] Result<void*> alloc_large(usize size) {
  if (size == 0) return Error{Errc::bad_range, 0};
  if (size > kMaxKmalloc) return Error{Errc::too_large, size};
  TRY(caches[0].enroll());  // so that kfree() can find the frame table
  return linear_map.pointer(TRY(alloc_frames(order_of(size), FrameOwner::kmalloc)));
}

void free_large(void* object) {
  const FrameInfo& info = slab_front.info(object);
  const bool whole =
      info.owner() == FrameOwner::kmalloc && VirtAddr::of(object).is_aligned(kPageSize);
  if (!whole) refuse_free(object, info.owner());
  free_frames(Frame(linear_map.phys_of(object)), info.order());
}

/// What did not go onto a list: no object of a slab, or one too many.
[[gnu::noinline]] void free_slowly(usize id, void* object) {
  if (id == 0) return free_large(object);
  slab_cache(id)->free_slowly(object);
}

}  // namespace

constinit SlabFront slab_front{.cpus{}, .entries = 0, .id_of_size = make_ids(), .caches{}};

Result<void*> kmalloc_of(usize id) { return slab_alloc(caches[id - 1], id); }

Result<void*> kmalloc_any(usize size) {
  if (size - 1 >= kMaxSlabSize) [[unlikely]]
    return alloc_large(size);
  const usize id = slab_front.id_of_size[(size - 1) / 8];
  return slab_alloc(caches[id - 1], id);
}

void kfree(void* object) {
  if (object == nullptr) [[unlikely]]
    return;
  const u64 id = FrameInfo::Cache::decode(slab_front.info(object).head());
  if (!slab_free(object, id)) [[unlikely]]
    free_slowly(id, object);
}

Result<void> try_kfree(void* object) {
  const Error refused{Errc::not_allocated, VirtAddr::of(object).value()};
  const Result<PhysAddr> pa = linear_map.to_phys(VirtAddr::of(object));
  if (!pa) return refused;
  const FrameState state = frame_state(Frame::containing(pa.value()));
  if (state.owner == FrameOwner::kmalloc) {
    if (pa.value() != state.first.address()) return refused;
  } else if (state.owner == FrameOwner::slab) {
    const u64 id = FrameInfo::Cache::decode(frame_info(state.first).head());
    if (id > caches.size()) return refused;
    SlabCache& cache = caches[id - 1];
    if (!cache.may_start_at(object) || cache.is_free(object)) return refused;
  } else {
    return refused;
  }
  kfree(object);
  return {};
}

usize kmalloc_size(const void* object) {
  const FrameInfo& info = slab_front.info(object);
  const u64 id = FrameInfo::Cache::decode(info.head());
  return id != 0 ? caches[id - 1].object_size() : kPageSize << info.order();
}

void close_kmalloc() {
  for (SlabCache& cache : caches) cache.close();
  slab_front.entries = 0;
}

}  // namespace meridian
