// SPDX-License-Identifier: MIT
/// Small areas: slots of 2, 4, ... 128 pages (guard page included), cut from blocks of address
/// space that one table maps, so that an area is found from its address by arithmetic and its
/// entries are at hand without a walk. Each CPU keeps free slots of every size to itself; a depot
/// passes whole lists of them between CPUs.
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
inline constexpr unsigned kSpanClasses = 7;
inline constexpr unsigned kStackClass = kSpanClasses;
inline constexpr unsigned kSlotClasses = kSpanClasses + 1;

inline constexpr u64 kStackPages = kKernelStackSize / kPageSize;

/// Pages from one slot of the class to the next; a power of two, and the slots' alignment.
constexpr u64 slot_pages(unsigned slot_class) {
  return slot_class == kStackClass ? 2 * kStackPages : u64{2} << slot_class;
}
/// Pages of a slot below its area.
constexpr u64 pages_below(unsigned slot_class) {
  return slot_class == kStackClass ? kStackPages : 0;
}
inline constexpr unsigned kNoSlotClass = kSlotClasses;

/// The class whose slots hold `pages` and a guard page, aligned; kNoSlotClass if none does. `pages`
/// and `alignment` are not 0.
constexpr unsigned class_for(u64 pages, u64 alignment) {
  const u64 aligned = alignment >> kPageShift;
  const u64 span = aligned > pages + 1 ? aligned : pages + 1;
  const unsigned slot_class = static_cast<unsigned>(std::bit_width(span - 1)) - 1;
  return slot_class < kSpanClasses ? slot_class : kNoSlotClass;
}
static_assert(class_for(1, kPageSize) == 0 && slot_pages(0) == 2);
static_assert(class_for(127, kPageSize) == 6 && class_for(128, kPageSize) == kNoSlotClass);
static_assert(class_for(1, 512_KiB) == 6 && class_for(1, 1_MiB) == kNoSlotClass);

template <VmallocBacking B>
class SmallAreas {
 public:
  using Entry = typename B::Tables::Entry;
  using Area = meridian::Area<Entry>;

  /// A block is what one L3 table maps.
  static constexpr u64 kBlockPages = kPageSize / sizeof(Entry);
  static constexpr u64 kBlockSize = kBlockPages * kPageSize;
  static constexpr usize kMaxBlocks = 4096;

  /// Lists of free areas, one a class.
  using Lists = std::array<Area*, kSlotClasses>;

  constexpr explicit SmallAreas(B backing) : backing_(backing) {}

  /// Blocks come from `window`, which is aligned to blocks.
  void start(VirtRange window) { window_ = window; }
  VirtRange window() const { return window_; }

  /// A free area of the class, in state `building`. Errc::out_of_address_space or out_of_frames if
  /// a new block was needed and cannot be had.
  Result<Area*> take(unsigned slot_class) {
    {
      arch::IrqGuard guard;
      Area*& list = free_[arch::cpu_index()].lists[slot_class];
      if (Area* area = list) [[likely]] {
        list = area->next;
        return area;
      }
    }
    return refill(slot_class);
  }

  /// One area back, at the head of this CPU's list. Nothing of it is mapped or in a TLB.
  void give(Area& area) {
    area.state.store(AreaState::free, std::memory_order_relaxed);
    arch::IrqGuard guard;
    Area*& list = free_[arch::cpu_index()].lists[area.size_class];
    area.next = list;
    list = &area;
  }

  /// Whole lists back: to this CPU where it has none, else to the depot.
  void give_lists(const Lists& lists) {
    for (unsigned c = 0; c < kSlotClasses; ++c)
      if (lists[c] != nullptr) give_list(c, lists[c]);
  }

  /// The area whose slot holds `va`, whatever its state; null if there is no such slot.
  Area* at(VirtAddr va) const {
    const u64 offset = va - window_.start();
    if (offset >= window_.size()) return nullptr;
    Block* block = blocks_[offset / kBlockSize].load(std::memory_order_acquire);
    if (block == nullptr) return nullptr;
    const u64 slot = offset % kBlockSize >> block->slot_shift;
    return slot < block->count ? &block->areas()[slot] : nullptr;
  }

  /// The first area in use that ends after `va`, or null.
  Area* first_used_after(VirtAddr va) const;

 private:
  struct Block {
    u32 count;       // slots
    u32 slot_shift;  // log2 of a slot's bytes

    Area* areas() { return reinterpret_cast<Area*>(this + 1); }
  };
  static_assert(sizeof(Block) % alignof(Area) == 0);

  struct alignas(64) PerCpu {
    Lists lists{};
  };

  [[gnu::noinline]] Result<Area*> refill(unsigned slot_class);
  Result<Area*> make_block(unsigned slot_class);
  Result<VirtAddr> claim_block(Entry*& entries);
  static Area* link_areas(Block& block, VirtAddr start, Entry* entries, unsigned slot_class);
  void give_list(unsigned slot_class, Area* list);

  [[no_unique_address]] B backing_;
  VirtRange window_;
  std::array<PerCpu, arch::kMaxCpus> free_{};
  Locked<Lists> depot_{};  // lists of lists, chained through next_chain
  Locked<usize> blocks_made_{usize{0}};
  std::array<std::atomic<Block*>, kMaxBlocks> blocks_{};
};

template <VmallocBacking B>
auto SmallAreas<B>::refill(unsigned slot_class) -> Result<Area*> {
  Area* list = depot_.with([&](Lists& depot) {
    Area* top = depot[slot_class];
    if (top != nullptr) depot[slot_class] = top->next_chain;
    return top;
  });
  if (list == nullptr) list = TRY(make_block(slot_class));
  Area* rest = list->next;
  if (rest != nullptr) give_list(slot_class, rest);
  return list;
}

template <VmallocBacking B>
void SmallAreas<B>::give_list(unsigned slot_class, Area* list) {
  {
    arch::IrqGuard guard;
    Area*& mine = free_[arch::cpu_index()].lists[slot_class];
    if (mine == nullptr) {
      mine = list;
      return;
    }
  }
  depot_.with([&](Lists& depot) {
    list->next_chain = depot[slot_class];
    depot[slot_class] = list;
  });
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
                                    .slot_shift = static_cast<u32>(std::countr_zero(slot_size))};
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
      const bool used = area.state.load(std::memory_order_acquire) == AreaState::used;
      if (used && area.range().end() > va) return &area;
    }
    offset = align_down(offset, kBlockSize) + kBlockSize;
  }
  return nullptr;
}

}  // namespace meridian
