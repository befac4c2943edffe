// SPDX-License-Identifier: MIT
/// The vmalloc allocator: joins small and large areas, and keeps what was freed until the TLBs have
/// forgotten it. A template over what it needs from the kernel, so that the host tests run this
/// very code on memory, tables and TLBs of their own; vmalloc.cc binds it to the kernel.
///
/// Freeing. The holder's free parks the entries and pushes the area on its CPU's lazy list. When
/// that list's weight reaches the limit, the CPU that pushed takes the whole list, invalidates
/// everything once, and only then gives the frames to their allocator and the addresses to the free
/// lists. A frame is never free while a TLB may reach it, and an address never has a new meaning
/// while a TLB knows an old one.
#pragma once

#include "mm/kernel/large_areas.h"
#include "mm/kernel/small_areas.h"

namespace meridian {

template <VmallocBacking B>
class VmallocCore {
 public:
  using Tables = typename B::Tables;
  using Entry = typename Tables::Entry;
  using Area = meridian::Area<Entry>;
  using Small = SmallAreas<B>;
  using Large = LargeAreas<B>;

  /// What is wanted, and by whom.
  struct Request {
    AreaKind kind;
    u64 pages;            // not 0
    u64 alignment;        // a power of two
    unsigned slot_class;  // kNoSlotClass: the tree
    const void* caller;
  };

  constexpr explicit VmallocCore(B backing = {})
      : backing_(backing), small_(backing_), large_(backing_) {}
  VmallocCore(const VmallocCore&) = delete;
  VmallocCore& operator=(const VmallocCore&) = delete;

  /// Opens `region`; `image` (ranges in it that boot mapped) is taken. At most `lazy_limit` pages
  /// may wait on each CPU.
  Result<void> start(VirtRange region, VirtRange taken, u64 lazy_limit);
  /// Lists a mapped range of the image.
  Result<void> add_image(VirtRange range, const char* name) { return large_.add(range, name); }

  /// An area whose pages `frames` fills. On an error nothing is left behind.
  template <typename Frames>
  Result<VirtAddr> allocate(const Request& request, Frames&& frames) {
    Result<VirtAddr> area = try_allocate(request, frames);
    if (!area.has_value()) [[unlikely]]
      return allocate_after_flush(request, frames);
    return area;
  }

  /// Frees lazily: see above. Errc::not_allocated unless an area of `kind` in use starts at `va`.
  Result<void> free(VirtAddr va, AreaKind kind);
  /// Frees at once: no TLB knows the area any more when this returns. For areas without own frames.
  Result<void> free_now(VirtAddr va, AreaKind kind);

  /// Everything freed so far becomes reusable; false if there was nothing.
  bool flush();

  std::optional<AreaInfo> next_area(VirtAddr from);
  VmallocStats stats();

 private:
  struct alignas(64) PerCpu {
    std::atomic<Area*> lazy{nullptr};
    std::atomic<u64> weight{0};  // of the areas pushed since this CPU last flushed
  };

  /// Only a slot has unmapped pages below it, as a stack must.
  static bool may_try_large(const Request& request, const Error& error) {
    return error.code == Errc::out_of_address_space && request.kind != AreaKind::kernel_stack;
  }
  template <typename Frames>
  Result<VirtAddr> try_allocate(const Request& request, Frames& frames);
  template <typename Frames>
  Result<VirtAddr> try_small(const Request& request, Frames& frames);
  template <typename Frames>
  [[gnu::noinline]] Result<VirtAddr> try_large(const Request& request, Frames& frames);
  template <typename Frames>
  [[gnu::noinline]] Result<VirtAddr> allocate_after_flush(const Request& request, Frames& frames);

  Area* claim(VirtAddr va, AreaKind kind);
  void park_area(Area& area);
  void push_lazy(Area& area);
  [[gnu::noinline]] void flush_this_cpu(PerCpu& cpu);
  void invalidate_everything();
  void reclaim(Area* list);
  void release(Area& area);

  [[no_unique_address]] B backing_;
  Small small_;
  Large large_;
  u64 lazy_limit_ = 0;
  std::array<PerCpu, arch::kMaxCpus> cpus_{};
  std::atomic<u64> flushes_{0};
};

template <VmallocBacking B>
Result<void> VmallocCore<B>::start(VirtRange region, VirtRange taken, u64 lazy_limit) {
  lazy_limit_ = lazy_limit;
  large_.start(region);
  // A page between the image and the first slot, and never more than half of a small region.
  const VirtAddr first = (taken.end() + kPageSize).align_up(Small::kBlockSize);
  const u64 half = align_down((region.end() - first) / 2, Small::kBlockSize);
  const u64 most = Small::kMaxBlocks * Small::kBlockSize;
  const VirtRange window(first, half < most ? half : most);
  TRY(large_.add(window, nullptr));
  small_.start(window);
  return {};
}

template <VmallocBacking B>
template <typename Frames>
Result<VirtAddr> VmallocCore<B>::try_allocate(const Request& request, Frames& frames) {
  if (request.slot_class < kSlotClasses) [[likely]] {
    const Result<VirtAddr> area = try_small(request, frames);
    if (area.has_value() || !may_try_large(request, area.error())) [[likely]]
      return area;
  }
  return try_large(request, frames);
}

template <VmallocBacking B>
template <typename Frames>
Result<VirtAddr> VmallocCore<B>::try_small(const Request& request, Frames& frames) {
  Area* area = TRY(small_.take(request.slot_class));
  area->kind = request.kind;
  area->caller = request.caller;
  area->pages =
      static_cast<u32>(frames.fill(area->entries, VirtAddr(area->start), 0, request.pages));
  if (area->pages != request.pages) [[unlikely]] {
    park_area(*area);
    push_lazy(*area);
    return Error{Errc::out_of_frames, 0};
  }
  backing_.tables().tlb().publish();
  area->hand_out();
  return VirtAddr(area->start);
}

template <VmallocBacking B>
template <typename Frames>
Result<VirtAddr> VmallocCore<B>::try_large(const Request& request, Frames& frames) {
  typename Large::LargeArea* area = TRY(large_.take(request.pages, request.alignment));
  area->kind = request.kind;
  area->caller = request.caller;
  const Result<void> filled = large_.fill(*area, request.pages, frames);
  if (!filled.has_value()) {
    park_area(*area);
    push_lazy(*area);
    return filled.error();
  }
  backing_.tables().tlb().publish();
  const VirtAddr start(area->start);
  area->hand_out();
  return start;
}

/// What waits for a flush may be what was missing. A second refusal is final, and what the attempts
/// left on the lazy list goes at once.
template <VmallocBacking B>
template <typename Frames>
Result<VirtAddr> VmallocCore<B>::allocate_after_flush(const Request& request, Frames& frames) {
  flush();
  Result<VirtAddr> area = try_allocate(request, frames);
  if (!area.has_value()) flush();
  return area;
}

template <VmallocBacking B>
auto VmallocCore<B>::claim(VirtAddr va, AreaKind kind) -> Area* {
  Area* area = small_.at(va);
  if (area == nullptr) [[unlikely]]
    return large_.claim(va, kind);
  return area->claim(va.value(), kind) ? area : nullptr;
}

template <VmallocBacking B>
Result<void> VmallocCore<B>::free(VirtAddr va, AreaKind kind) {
  Area* area = claim(va, kind);
  if (area == nullptr) [[unlikely]]
    return Error{Errc::not_allocated, va.value()};
  park_area(*area);
  push_lazy(*area);
  return {};
}

template <VmallocBacking B>
Result<void> VmallocCore<B>::free_now(VirtAddr va, AreaKind kind) {
  CHECK(!owns_frames(kind));
  Area* area = claim(va, kind);
  if (area == nullptr) return Error{Errc::not_allocated, va.value()};
  park_area(*area);
  const VirtRange range = area->range();
  auto& tlb = backing_.tables().tlb();
  tlb.publish();
  tlb.invalidate(range.start(), range.size(), kPageSize, TlbScope::leaf_only);
  tlb.finish();
  release(*area);
  if (area->is_large())
    large_.retire(*area);
  else
    small_.give(*area);
  return {};
}

template <VmallocBacking B>
void VmallocCore<B>::park_area(Area& area) {
  if (!area.is_large()) [[likely]]
    return park(area.entries, area.pages);
  large_.for_each_entry(
      area, [](Entry* entries, u64 count) { park(entries, count); },
      [](Entry& slot) { park(&slot, 1); });
}

template <VmallocBacking B>
void VmallocCore<B>::push_lazy(Area& area) {
  // Addresses are not free of charge either: each block of slots keeps a table.
  const u64 slot = area.is_large() ? 0 : slot_pages(area.size_class) / 8;
  const u64 weight = area.pages > slot ? area.pages : slot;
  PerCpu& cpu = cpus_[arch::cpu_index()];
  Area* top = cpu.lazy.load(std::memory_order_relaxed);
  do {
    area.next = top;
  } while (!cpu.lazy.compare_exchange_weak(top, &area, std::memory_order_release,
                                           std::memory_order_relaxed));
  // The weight is a hint: a count lost to an interrupt here only makes the flush a little late.
  const u64 total = cpu.weight.load(std::memory_order_relaxed) + weight;
  cpu.weight.store(total, std::memory_order_relaxed);
  if (total >= lazy_limit_) [[unlikely]]
    flush_this_cpu(cpu);
}

template <VmallocBacking B>
void VmallocCore<B>::flush_this_cpu(PerCpu& cpu) {
  cpu.weight.store(0, std::memory_order_relaxed);
  Area* list = cpu.lazy.exchange(nullptr, std::memory_order_acquire);
  if (list == nullptr) return;
  invalidate_everything();
  reclaim(list);
}

template <VmallocBacking B>
bool VmallocCore<B>::flush() {
  std::array<Area*, arch::kMaxCpus> lists;
  bool any = false;
  for (unsigned i = 0; i < arch::kMaxCpus; ++i) {
    cpus_[i].weight.store(0, std::memory_order_relaxed);
    lists[i] = cpus_[i].lazy.exchange(nullptr, std::memory_order_acquire);
    any |= lists[i] != nullptr;
  }
  if (!any) return false;
  invalidate_everything();
  for (Area* list : lists) reclaim(list);
  return true;
}

/// One invalidation for all that was parked before the lists were taken, whichever CPU parked it.
template <VmallocBacking B>
void VmallocCore<B>::invalidate_everything() {
  auto& tlb = backing_.tables().tlb();
  // Other CPUs parked some of the entries. The exchange that took the list saw their writes
  // (acquire) and is a write itself: when the writes up to here are visible to every walker, so are
  // theirs.
  tlb.publish();
  tlb.invalidate_all();
  tlb.finish();
  flushes_.fetch_add(1, std::memory_order_relaxed);
}

template <VmallocBacking B>
void VmallocCore<B>::reclaim(Area* list) {
  typename Small::Lists lists{};
  while (list != nullptr) {
    Area& area = *list;
    list = area.next;
    release(area);
    if (area.is_large()) {
      large_.retire(area);
      continue;
    }
    area.state.store(AreaState::free, std::memory_order_relaxed);
    area.next = lists[area.size_class];
    lists[area.size_class] = &area;
  }
  small_.give_lists(lists);
}

/// Empties the parked entries of an area that no TLB knows, and frees the frames if they are its
/// own.
template <VmallocBacking B>
void VmallocCore<B>::release(Area& area) {
  const bool owns = owns_frames(area.kind);
  const auto leaves = [&](Entry* entries, u64 count) {
    if (owns)
      release_leaves(backing_, entries, count);
    else
      clear(entries, count);
  };
  if (!area.is_large()) return leaves(area.entries, area.pages);
  large_.for_each_entry(area, leaves, [&](Entry& slot) {
    if (owns)
      release_block(backing_, slot);
    else
      clear(&slot, 1);
  });
}

template <VmallocBacking B>
std::optional<AreaInfo> VmallocCore<B>::next_area(VirtAddr from) {
  std::optional<AreaInfo> large = large_.first_used_after(from);
  Area* small = small_.first_used_after(from);
  std::optional<AreaInfo> found = large;
  if (small != nullptr && (!large || small->start < large->range.start().value()))
    found = info_of(*small);
  if (found) {
    const auto [slots, level] = backing_.tables().find(found->range.start());
    found->phys = load_entry(*slots).output().address();
  }
  return found;
}

template <VmallocBacking B>
VmallocStats VmallocCore<B>::stats() {
  VmallocStats stats{.total = large_.region().size(),
                     .used = 0,
                     .frames = 0,
                     .lazy_frames = 0,
                     .flushes = flushes_.load(std::memory_order_relaxed)};
  for (VirtAddr from(0); const std::optional<AreaInfo> area = next_area(from);) {
    stats.used += area->range.size();
    if (owns_frames(area->kind)) stats.frames += area->range.size() >> kPageShift;
    from = area->range.end();
  }
  for (const PerCpu& cpu : cpus_) stats.lazy_frames += cpu.weight.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace meridian
