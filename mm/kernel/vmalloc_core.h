// SPDX-License-Identifier: MIT
/// The vmalloc allocator: joins small and large areas, and keeps what was freed until the TLBs have
/// forgotten it. A template over what it needs from the kernel, so that the host tests run this
/// very code on memory, tables and TLBs of their own; vmalloc.cc binds it to the kernel.
///
/// Freeing. The holder's free parks the entries and pushes the area on its CPU's lazy list. When
/// that list's weight reaches the limit, the CPU that pushed takes the whole list and invalidates
/// everything once. Only then may anything get a new meaning: large areas give their frames to the
/// allocator and their addresses to the tree; small ones become free for the next holder, up to a
/// limit warm, with their frames. So a frame is never free while a TLB may reach it, and an address
/// never has a new meaning while a TLB knows an old one.
#pragma once

#include "kernel/lib/seeded_bugs.h"
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
  using LargeArea = typename Large::LargeArea;

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

  /// Gives every record back. CHECKs that no area but the image's is in use.
  void close();

  /// An area whose pages `frames` fills. On an error nothing is left behind.
  template <typename Frames>
  [[gnu::always_inline]] inline Result<VirtAddr> allocate(const Request& request, Frames&& frames) {
    Result<VirtAddr> area = try_allocate(request, frames);
    if (!area.has_value()) [[unlikely]]
      return allocate_after_flush(request, frames);
    return area;
  }

  /// Frees lazily: see above. Errc::not_allocated unless an area of `kind` in use starts at `va`.
  Result<void> free(VirtAddr va, AreaKind kind);
  /// Frees at once: no TLB knows the area any more when this returns. For areas without own frames.
  Result<void> free_now(VirtAddr va, AreaKind kind);

  /// Everything freed so far becomes reusable, and every frame that is not in use goes back.
  void flush();

  /// The entry of `va`, where that is known without a walk; an invalid one elsewhere.
  Entry entry_of(VirtAddr va) const { return small_.entry_of(va); }

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
  [[gnu::always_inline]] inline Result<VirtAddr> try_allocate(const Request& request,
                                                              Frames& frames);
  template <typename Frames>
  [[gnu::always_inline]] inline Result<VirtAddr> try_small(const Request& request, Frames& frames);
  template <typename Frames>
  [[gnu::noinline]] u64 fill_small(Area& area, u64 index, u64 end, Frames& frames);
  template <typename Frames>
  [[gnu::noinline]] Result<VirtAddr> try_large(const Request& request, Frames& frames);
  template <typename Frames>
  [[gnu::noinline]] Result<VirtAddr> allocate_after_flush(const Request& request, Frames& frames);

  [[gnu::noinline]] Result<void> free_large(VirtAddr va, AreaKind kind);
  void park_small(Area& area);
  void park_large(LargeArea& area);
  /// Addresses are not free of charge either: each block of slots keeps a table.
  static u64 lazy_weight(const Area& area) {
    const u64 slot = slot_pages(area.size_class) / 8;
    return area.backed > slot ? area.backed : slot;
  }
  [[gnu::always_inline]] inline void push_lazy(Area& area, u64 weight);
  [[gnu::noinline]] void flush_this_cpu(PerCpu& cpu);
  void invalidate(VirtRange range);
  void invalidate_everything();
  void reclaim(Area* list);
  void release_large(LargeArea& area);

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
  small_.start(window, 2 * lazy_limit);
  return {};
}

template <VmallocBacking B>
void VmallocCore<B>::close() {
  flush();
  CHECK(small_.first_used_after(VirtAddr(0)) == nullptr);
  small_.close();
  large_.close();
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
  Area* area = TRY(small_.take(request.slot_class, Frames::kOwn ? Warmth::warm : Warmth::cold));
  area->kind = request.kind;
  area->about = request.caller;
  u64 pages = 0;
  if constexpr (Frames::kOwn) pages = frames.wake(*area, request.pages);
  if (pages != request.pages) [[unlikely]]
    pages = fill_small(*area, pages, request.pages, frames);
  area->pages = static_cast<u16>(pages);
  if (pages != request.pages) [[unlikely]] {
    park_small(*area);
    push_lazy(*area, lazy_weight(*area));
    return Error{Errc::out_of_frames, 0};
  }
  backing_.tables().tlb().publish();
  area->hand_out();
  return VirtAddr(area->start);
}

/// Maps pages from `index` up to `end` if it can; returns how far it came.
template <VmallocBacking B>
template <typename Frames>
u64 VmallocCore<B>::fill_small(Area& area, u64 index, u64 end, Frames& frames) {
  const VirtAddr va(area.start + (index << kPageShift));
  const u64 filled = index + frames.fill(area.entries + index, va, index, end - index);
  if constexpr (Frames::kOwn) area.backed = static_cast<u16>(filled);
  return filled;
}

template <VmallocBacking B>
template <typename Frames>
Result<VirtAddr> VmallocCore<B>::try_large(const Request& request, Frames& frames) {
  const bool blocks = request.pages >= Large::kBlockPages && frames.prepare_block();
  const Result<LargeArea*> taken =
      large_.take(request.pages, request.alignment, blocks ? Leaves::blocks : Leaves::pages);
  const Result<void> filled =
      taken.has_value() ? large_.fill(*taken.value(), request.pages, frames) : taken.error();
  if (blocks) frames.drop_block();
  if (!taken.has_value()) return taken.error();

  LargeArea* area = taken.value();
  area->kind = request.kind;
  area->about = request.caller;
  if (!filled.has_value()) {
    park_large(*area);
    push_lazy(*area, area->mapped);
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
Result<void> VmallocCore<B>::free(VirtAddr va, AreaKind kind) {
  Area* area = small_.at(va);
  if (area == nullptr) [[unlikely]]
    return free_large(va, kind);
  if (!area->claim(va.value(), kind)) [[unlikely]]
    return Error{Errc::not_allocated, va.value()};
  park_small(*area);
  push_lazy(*area, lazy_weight(*area));
  return {};
}

template <VmallocBacking B>
Result<void> VmallocCore<B>::free_large(VirtAddr va, AreaKind kind) {
  LargeArea* area = large_.claim(va, kind);
  if (area == nullptr) return Error{Errc::not_allocated, va.value()};
  park_large(*area);
  push_lazy(*area, area->mapped);
  return {};
}

template <VmallocBacking B>
Result<void> VmallocCore<B>::free_now(VirtAddr va, AreaKind kind) {
  CHECK(!owns_frames(kind));
  Area* small = small_.at(va);
  if (small == nullptr) {
    LargeArea* large = large_.claim(va, kind);
    if (large == nullptr) return Error{Errc::not_allocated, va.value()};
    park_large(*large);
    invalidate(large->range());
    release_large(*large);
    return {};
  }
  if (!small->claim(va.value(), kind)) return Error{Errc::not_allocated, va.value()};
  clear(small->entries, small->pages);
  invalidate({va, u64{small->pages} << kPageShift});
  small_.give_cold(*small);
  return {};
}

template <VmallocBacking B>
void VmallocCore<B>::invalidate(VirtRange range) {
  auto& tlb = backing_.tables().tlb();
  tlb.publish();
  tlb.invalidate(range.start(), range.size(), kPageSize, TlbScope::leaf_only);
  tlb.finish();
}

template <VmallocBacking B>
void VmallocCore<B>::park_small(Area& area) {
  if (area.kind == AreaKind::ioremap)
    clear(area.entries, area.pages);
  else
    park(area.entries, area.pages);
}

template <VmallocBacking B>
void VmallocCore<B>::park_large(LargeArea& area) {
  large_.for_each_entry(
      area, [](Entry* entries, u64 count) { park(entries, count); },
      [](Entry& slot) { park(&slot, 1); });
}

template <VmallocBacking B>
void VmallocCore<B>::push_lazy(Area& area, u64 weight) {
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
void VmallocCore<B>::flush() {
  std::array<Area*, arch::kMaxCpus> lists;
  bool any = false;
  for (unsigned i = 0; i < arch::kMaxCpus; ++i) {
    cpus_[i].weight.store(0, std::memory_order_relaxed);
    lists[i] = cpus_[i].lazy.exchange(nullptr, std::memory_order_acquire);
    any |= lists[i] != nullptr;
  }
  if (any) invalidate_everything();
  for (Area* list : lists) reclaim(list);
  small_.cool();
}

/// One invalidation for all that was parked before the lists were taken, whichever CPU parked it.
template <VmallocBacking B>
void VmallocCore<B>::invalidate_everything() {
  auto& tlb = backing_.tables().tlb();
  // Other CPUs parked some of the entries. The exchange that took the list saw their writes
  // (acquire) and is a write itself: when the writes up to here are visible to every walker, so are
  // theirs.
  tlb.publish();
  if (!seeded(Bug::vmalloc_reused_without_tlbi)) tlb.invalidate_all();
  tlb.finish();
  flushes_.fetch_add(1, std::memory_order_relaxed);
}

/// No TLB knows the areas of `list` any more: they become free, large ones with their frames, small
/// ones warm.
template <VmallocBacking B>
void VmallocCore<B>::reclaim(Area* list) {
  typename Small::Returned returned;
  while (list != nullptr) {
    Area& area = *list;
    list = area.next;
    if (area.is_large())
      release_large(static_cast<LargeArea&>(area));
    else
      returned.add(area);
  }
  small_.give(returned);
}

template <VmallocBacking B>
void VmallocCore<B>::release_large(LargeArea& area) {
  const bool owns = owns_frames(area.kind);
  large_.for_each_entry(
      area,
      [&](Entry* entries, u64 count) {
        if (owns)
          release_leaves(backing_, entries, count);
        else
          clear(entries, count);
      },
      [&](Entry& slot) {
        if (owns)
          release_block(backing_, slot);
        else
          clear(&slot, 1);
      });
  large_.retire(area);
}

template <VmallocBacking B>
std::optional<AreaInfo> VmallocCore<B>::next_area(VirtAddr from) {
  std::optional<AreaInfo> large = large_.first_used_after(from);
  Area* small = small_.first_used_after(from);
  std::optional<AreaInfo> found = large;
  if (small != nullptr && (!large || small->start < large->range.start().value()))
    found = info_of(*small, small->pages);
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
                     .flushes = flushes_.load(std::memory_order_relaxed),
                     .blocks = small_.blocks()};
  for (VirtAddr from(0); const std::optional<AreaInfo> area = next_area(from);) {
    stats.used += area->range.size();
    if (owns_frames(area->kind)) stats.frames += area->range.size() >> kPageShift;
    from = area->range.end();
  }
  stats.lazy_frames = small_.warm_pages();
  for (const PerCpu& cpu : cpus_) stats.lazy_frames += cpu.weight.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace meridian
