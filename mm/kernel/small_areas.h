// SPDX-License-Identifier: MIT
/// Small areas: slots of 2, 4, ... 512 pages (guard page included), cut from blocks of address
/// space that one table maps, so that an area is found from its address by arithmetic and its
/// entries are at hand without a walk. Each CPU keeps free slots of every size to itself; a depot
/// passes whole lists of them between CPUs.
///
/// A free area is cold (its entries are empty) or warm: its first entries still name frames of its
/// own, so that the next holder needs neither the frame allocator nor new entries. How many frames
/// are kept that way is limited, and cool() gives them all back.
///
/// Invariants: a block, once made, stays, with its table and its records; so a record may be looked
/// at at any time without a lock (its state says whether it means anything). Slots of one block are
/// of one size. The last page of a slot is never mapped; of a stack's slot, the lower half is not.
#pragma once

#include <arch/cpu.h>
#include <arch/irq.h>

#include <array>
#include <bit>
#include <new>

#include "kernel/sync/spinlock.h"
#include "mm/kernel/area_leaves.h"

namespace meridian {

/// Slots of 2 << c pages for each class c below kSpanClasses, and slots for kernel stacks.
inline constexpr unsigned kSpanClasses = 9;
inline constexpr unsigned kStackClass = kSpanClasses;
inline constexpr unsigned kSlotClasses = kSpanClasses + 1;
inline constexpr unsigned kNoSlotClass = kSlotClasses;

inline constexpr u64 kStackPages = kKernelStackSize / kPageSize;

/// Pages from one slot of the class to the next; a power of two, and the slots' alignment.
constexpr u64 slot_pages(unsigned slot_class) {
  return slot_class == kStackClass ? 2 * kStackPages : u64{2} << slot_class;
}
/// Pages of a slot below its area.
constexpr u64 pages_below(unsigned slot_class) {
  return slot_class == kStackClass ? kStackPages : 0;
}
/// The class whose slots hold `pages` and a guard page, aligned; kNoSlotClass if none does. `pages`
/// and `alignment` are not 0.
constexpr unsigned class_for(u64 pages, u64 alignment) {
  const u64 aligned = alignment >> kPageShift;
  const u64 span = aligned > pages + 1 ? aligned : pages + 1;
  const unsigned slot_class = static_cast<unsigned>(std::bit_width(span - 1)) - 1;
  return slot_class < kSpanClasses ? slot_class : kNoSlotClass;
}
static_assert(class_for(1, kPageSize) == 0 && slot_pages(0) == 2);
static_assert(class_for(511, kPageSize) == 8 && class_for(512, kPageSize) == kNoSlotClass);
static_assert(class_for(1, 2_MiB) == 8 && class_for(1, 4_MiB) == kNoSlotClass);

enum class Warmth : u8 { cold, warm };

/// A list of free areas that belongs to one CPU. Only that CPU, with interrupts masked, takes one
/// or puts a list; but any CPU may take all. Since nobody else ever puts, a head that is still
/// there has still the same next.
template <typename Area>
class FreeList {
 public:
  Area* pop() {
    Area* top = head_.load(std::memory_order_relaxed);
    while (top != nullptr &&
           !head_.compare_exchange_weak(top, top->next, std::memory_order_relaxed))
      ;
    return top;
  }
  void push(Area& area) {
    area.next = head_.load(std::memory_order_relaxed);
    while (!head_.compare_exchange_weak(area.next, &area, std::memory_order_release,
                                        std::memory_order_relaxed))
      ;
  }
  Area* take_all() { return head_.exchange(nullptr, std::memory_order_acquire); }
  bool is_empty() const { return head_.load(std::memory_order_relaxed) == nullptr; }
  /// Only when it is empty.
  void put(Area* list) { head_.store(list, std::memory_order_release); }

 private:
  std::atomic<Area*> head_{nullptr};
};

template <VmallocBacking B>
class SmallAreas {
 public:
  using Entry = typename B::Tables::Entry;
  using Area = meridian::Area<Entry>;

  /// A block is what one L3 table maps.
  static constexpr u64 kBlockPages = kPageSize / sizeof(Entry);
  static constexpr u64 kBlockSize = kBlockPages * kPageSize;
  static constexpr usize kMaxBlocks = 4096;

  /// Areas that come back together, sorted into lists.
  class Returned {
   public:
    void add(Area& area) {
      area.state.store(AreaState::free, std::memory_order_relaxed);
      Area*& list = (area.backed != 0 ? warm_ : cold_)[area.size_class];
      area.next = list;
      list = &area;
      pages_[area.size_class] += area.backed;
    }

   private:
    friend class SmallAreas;
    std::array<Area*, kSlotClasses> warm_{}, cold_{};
    std::array<u32, kSlotClasses> pages_{};  // frames of the warm ones
  };

  constexpr explicit SmallAreas(B backing) : backing_(backing) {}

  /// Blocks come from `window`, which is aligned to blocks. At most `warm_limit` frames are kept in
  /// free areas of each CPU, and as many in the depot.
  void start(VirtRange window, u64 warm_limit) {
    window_ = window;
    warm_limit_ = warm_limit;
  }

  /// Gives the records of all blocks back; nothing is in use, and this is not used again.
  void close() {
    for (std::atomic<Block*>& block : blocks_)
      if (block != nullptr) backing_.free_record(block.exchange(nullptr));
  }

  /// A free area of the class, in state `building`: a warm one if that is wanted and there is one.
  /// Errc::out_of_address_space or out_of_frames if a new block was needed and cannot be had.
  Result<Area*> take(unsigned slot_class, Warmth wanted) {
    {
      arch::IrqGuard guard;
      PerCpu& mine = cpus_[arch::cpu_index()];
      if (wanted == Warmth::warm) {
        if (Area* area = mine.warm[slot_class].pop()) [[likely]]
          return area;
      }
      if (Area* area = mine.cold[slot_class].pop()) [[likely]]
        return area;
    }
    return refill(slot_class, wanted);
  }

  /// One area back, of which nothing is mapped, parked, or in a TLB.
  void give_cold(Area& area) {
    area.state.store(AreaState::free, std::memory_order_relaxed);
    arch::IrqGuard guard;
    cpus_[arch::cpu_index()].cold[area.size_class].push(area);
  }
  /// Areas back that no TLB knows.
  void give(const Returned& returned);

  /// Gives the frames of all free areas, of every CPU, to the allocator.
  void cool();

  /// Frames in free areas, about.
  u64 warm_pages();

  /// How many blocks were made.
  usize blocks() {
    return blocks_made_.with([](usize made) { return made; });
  }

  /// The area whose slot holds `va`, whatever its state; null if there is no such slot.
  Area* at(VirtAddr va) const {
    const u64 offset = va - window_.start();
    if (offset >= window_.size()) [[unlikely]]
      return nullptr;
    Block* block = blocks_[offset / kBlockSize].load(std::memory_order_acquire);
    if (block == nullptr) [[unlikely]]
      return nullptr;
    const u64 slot = offset % kBlockSize >> block->slot_shift;
    return slot < block->count ? &block->areas()[slot] : nullptr;
  }

  /// What the table of its block holds for `va`; an invalid entry if it lies in none.
  Entry entry_of(VirtAddr va) const {
    const u64 offset = va - window_.start();
    if (offset >= window_.size()) [[unlikely]]
      return Entry();
    const Block* block = blocks_[offset / kBlockSize].load(std::memory_order_acquire);
    if (block == nullptr) [[unlikely]]
      return Entry();
    return load_entry(block->table[offset % kBlockSize / kPageSize]);
  }

  /// The first area in use that ends after `va`, or null.
  Area* first_used_after(VirtAddr va) const;

 private:
  struct Block {
    u32 count;       // slots
    u32 slot_shift;  // log2 of a slot's bytes
    Entry* table;

    Area* areas() { return reinterpret_cast<Area*>(this + 1); }
  };
  static_assert(sizeof(Block) % alignof(Area) == 0);

  using List = FreeList<Area>;
  struct alignas(64) PerCpu {
    std::array<List, kSlotClasses> warm, cold;
    std::array<std::atomic<u16>, kSlotClasses> warm_pages;  // in the warm list when it was put
    u64 warm_pages_in(unsigned c) const {
      return warm[c].is_empty() ? 0 : warm_pages[c].load(std::memory_order_relaxed);
    }
    u64 warm_total() const;
  };

  /// Whole lists on their way from one CPU to another, chained through `about`.
  struct Depot {
    std::array<Area*, kSlotClasses> warm{}, cold{};
    u64 warm_pages = 0;
  };

  static Area* next_list(const Area& first) {
    return const_cast<Area*>(static_cast<const Area*>(static_cast<const void*>(first.about)));
  }
  [[gnu::noinline]] Result<Area*> refill(unsigned slot_class, Warmth wanted);
  Area* take_from_depot(unsigned slot_class, Warmth wanted);
  Result<Area*> make_block(unsigned slot_class);
  Result<VirtAddr> claim_block(Entry*& entries);
  static Area* link_areas(Block& block, VirtAddr start, Entry* entries, unsigned slot_class);
  void give_warm_list(unsigned slot_class, Area* list, u64 pages);
  bool keep_here(unsigned slot_class, Area* list, u64 pages);
  bool cool_largest_here(unsigned slot_class);
  bool keep_in_depot(unsigned slot_class, Area* list, u64 pages);
  bool cool_one_in_depot(unsigned slot_class);
  void give_cold_list(unsigned slot_class, Area* list);
  void cool_list(unsigned slot_class, Area* list);

  [[no_unique_address]] B backing_;
  VirtRange window_;
  u64 warm_limit_ = 0;
  std::array<PerCpu, arch::kMaxCpus> cpus_{};
  Locked<Depot> depot_{};
  Locked<usize> blocks_made_{usize{0}};
  std::array<std::atomic<Block*>, kMaxBlocks> blocks_{};
};

template <VmallocBacking B>
auto SmallAreas<B>::refill(unsigned slot_class, Warmth wanted) -> Result<Area*> {
  if (wanted == Warmth::warm) {
    if (Area* list = take_from_depot(slot_class, Warmth::warm)) {
      const u64 pages = list->pages;
      if (list->next != nullptr) give_warm_list(slot_class, list->next, pages - list->backed);
      return list;
    }
  }
  Area* list = take_from_depot(slot_class, Warmth::cold);
  if (list == nullptr) list = TRY(make_block(slot_class));
  if (list->next != nullptr) give_cold_list(slot_class, list->next);
  return list;
}

template <VmallocBacking B>
auto SmallAreas<B>::take_from_depot(unsigned slot_class, Warmth wanted) -> Area* {
  return depot_.with([&](Depot& depot) {
    Area*& top = (wanted == Warmth::warm ? depot.warm : depot.cold)[slot_class];
    Area* list = top;
    if (list == nullptr) return list;
    if (wanted == Warmth::warm) depot.warm_pages -= list->pages;
    top = next_list(*list);
    return list;
  });
}

template <VmallocBacking B>
void SmallAreas<B>::give(const Returned& returned) {
  for (unsigned c = 0; c < kSlotClasses; ++c) {
    if (returned.cold_[c] != nullptr) give_cold_list(c, returned.cold_[c]);
    if (returned.warm_[c] != nullptr) give_warm_list(c, returned.warm_[c], returned.pages_[c]);
  }
}

template <VmallocBacking B>
void SmallAreas<B>::give_cold_list(unsigned slot_class, Area* list) {
  {
    arch::IrqGuard guard;
    List& mine = cpus_[arch::cpu_index()].cold[slot_class];
    if (mine.is_empty()) return mine.put(list);
  }
  depot_.with([&](Depot& depot) {
    list->about = depot.cold[slot_class];
    depot.cold[slot_class] = list;
  });
}

/// The list stays warm, here if this CPU has none of its class, else in the depot. What came back
/// last is the likeliest to be wanted: lists of other classes make room for it.
template <VmallocBacking B>
void SmallAreas<B>::give_warm_list(unsigned slot_class, Area* list, u64 pages) {
  list->pages = static_cast<u16>(pages);
  if (pages <= warm_limit_) {
    do {
      if (keep_here(slot_class, list, pages)) return;
    } while (cool_largest_here(slot_class));
    do {
      if (keep_in_depot(slot_class, list, pages)) return;
    } while (cool_one_in_depot(slot_class));
  }
  cool_list(slot_class, list);
}

template <VmallocBacking B>
bool SmallAreas<B>::keep_here(unsigned slot_class, Area* list, u64 pages) {
  arch::IrqGuard guard;
  PerCpu& cpu = cpus_[arch::cpu_index()];
  if (!cpu.warm[slot_class].is_empty() || cpu.warm_total() + pages > warm_limit_) return false;
  cpu.warm_pages[slot_class].store(static_cast<u16>(pages), std::memory_order_relaxed);
  cpu.warm[slot_class].put(list);
  return true;
}

/// Makes room for a list of `slot_class` on this CPU; false if there is nothing to cool, or no
/// need.
template <VmallocBacking B>
bool SmallAreas<B>::cool_largest_here(unsigned slot_class) {
  PerCpu& cpu = cpus_[arch::cpu_index()];
  if (!cpu.warm[slot_class].is_empty()) return false;
  unsigned largest = slot_class;
  u64 most = 0;
  for (unsigned c = 0; c < kSlotClasses; ++c) {
    const u64 pages = cpu.warm_pages_in(c);
    if (pages > most) largest = c, most = pages;
  }
  if (most == 0) return false;
  cool_list(largest, cpu.warm[largest].take_all());
  return true;
}

template <VmallocBacking B>
bool SmallAreas<B>::keep_in_depot(unsigned slot_class, Area* list, u64 pages) {
  return depot_.with([&](Depot& depot) {
    if (depot.warm_pages + pages > warm_limit_) return false;
    list->about = depot.warm[slot_class];
    depot.warm[slot_class] = list;
    depot.warm_pages += pages;
    return true;
  });
}

/// Cools one list of another class in the depot; false if there is none.
template <VmallocBacking B>
bool SmallAreas<B>::cool_one_in_depot(unsigned slot_class) {
  for (unsigned c = 0; c < kSlotClasses; ++c) {
    if (c == slot_class) continue;
    if (Area* list = take_from_depot(c, Warmth::warm)) {
      cool_list(c, list);
      return true;
    }
  }
  return false;
}

/// An upper bound: areas taken since a list was put still count until it is empty.
template <VmallocBacking B>
u64 SmallAreas<B>::PerCpu::warm_total() const {
  u64 total = 0;
  for (unsigned c = 0; c < kSlotClasses; ++c) total += warm_pages_in(c);
  return total;
}

template <VmallocBacking B>
void SmallAreas<B>::cool_list(unsigned slot_class, Area* list) {
  for (Area* area = list; area != nullptr; area = area->next) {
    release_leaves(backing_, area->entries, area->backed);
    area->backed = 0;
  }
  if (list != nullptr) give_cold_list(slot_class, list);
}

template <VmallocBacking B>
void SmallAreas<B>::cool() {
  for (unsigned c = 0; c < kSlotClasses; ++c) {
    for (PerCpu& cpu : cpus_) cool_list(c, cpu.warm[c].take_all());
    while (Area* list = take_from_depot(c, Warmth::warm)) cool_list(c, list);
  }
}

template <VmallocBacking B>
u64 SmallAreas<B>::warm_pages() {
  u64 total = depot_.with([](Depot& depot) { return depot.warm_pages; });
  for (const PerCpu& cpu : cpus_) total += cpu.warm_total();
  return total;
}

/// A block's worth of free areas. What can fail comes first, and nothing of it stays.
template <VmallocBacking B>
auto SmallAreas<B>::make_block(unsigned slot_class) -> Result<Area*> {
  // The last slot of a stack block would have no unmapped pages above it.
  const u64 slots = kBlockPages / slot_pages(slot_class) - (slot_class == kStackClass ? 1 : 0);
  void* memory = TRY(backing_.alloc_record(sizeof(Block) + slots * sizeof(Area)));
  Entry* entries = nullptr;
  const Result<VirtAddr> start = claim_block(entries);
  if (!start.has_value()) {
    backing_.free_record(memory);
    return start.error();
  }
  const u64 slot_size = slot_pages(slot_class) * kPageSize;
  Block* block = new (memory) Block{.count = static_cast<u32>(slots),
                                    .slot_shift = static_cast<u32>(std::countr_zero(slot_size)),
                                    .table = entries};
  Area* list = link_areas(*block, start.value(), entries, slot_class);
  blocks_[(start.value() - window_.start()) / kBlockSize].store(block, std::memory_order_release);
  return list;
}

/// The next addresses of the window, with their table; all or nothing.
template <VmallocBacking B>
Result<VirtAddr> SmallAreas<B>::claim_block(Entry*& entries) {
  return blocks_made_.with([&](usize& made) -> Result<VirtAddr> {
    if (made == window_.size() / kBlockSize) return Error{Errc::out_of_address_space, kBlockSize};
    const VirtAddr start = window_.start() + made * kBlockSize;
    entries = TRY(backing_.tables().reach(start, Level::L3));
    ++made;
    return start;
  });
}

/// Makes the block's records, free and in a list, lowest first.
template <VmallocBacking B>
auto SmallAreas<B>::link_areas(Block& block, VirtAddr start, Entry* entries, unsigned slot_class)
    -> Area* {
  Area* list = nullptr;
  for (u64 i = block.count; i-- != 0;) {
    const u64 page = i * slot_pages(slot_class) + pages_below(slot_class);
    Area* area = new (&block.areas()[i]) Area{};
    area->next = list;
    area->start = (start + page * kPageSize).value();
    area->entries = entries + page;
    area->size_class = static_cast<u8>(slot_class);
    list = area;
  }
  return list;
}

template <VmallocBacking B>
auto SmallAreas<B>::first_used_after(VirtAddr va) const -> Area* {
  u64 offset = va < window_.start() ? 0 : va - window_.start();
  while (offset < window_.size()) {
    Block* block = blocks_[offset / kBlockSize].load(std::memory_order_acquire);
    if (block == nullptr) return nullptr;  // they are made in order
    for (u64 slot = offset % kBlockSize >> block->slot_shift; slot < block->count; ++slot) {
      Area& area = block->areas()[slot];
      const u64 end = area.start + (u64{area.pages} << kPageShift);
      if (area.is_used() && end > va.value()) return &area;
    }
    offset = align_down(offset, kBlockSize) + kBlockSize;
  }
  return nullptr;
}

}  // namespace meridian
