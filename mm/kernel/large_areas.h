// SPDX-License-Identifier: MIT
/// Large areas, and all others that no slot fits: found in a tree of areas in use, which knows the
/// gaps between them. Areas that can be mapped with blocks take their addresses from the upper half
/// of the region, the others from the lower, so that an address whose block has become a table
/// (tables stay for ever) is not in the way of the next block; either half serves when the other is
/// full.
///
/// Invariants: an area is in the tree from before it is mapped until after the TLBs have forgotten
/// it; the page after it is never mapped. Records are looked at only under the lock, or by whoever
/// owns the area's present state.
#pragma once

#include <optional>

#include "kernel/sync/spinlock.h"
#include "mm/kernel/area_leaves.h"
#include "mm/kernel/area_tree.h"

namespace meridian {

/// What an area is to be mapped with, where it fits.
enum class Leaves : u8 { pages, blocks };

template <VmallocBacking B>
class LargeAreas {
 public:
  using Tables = typename B::Tables;
  using Entry = typename Tables::Entry;
  using Area = meridian::Area<Entry>;
  struct LargeArea : Area, AreaNode {
    u64 mapped = 0;  // pages, from the start on

    VirtRange range() const { return {VirtAddr(this->start), mapped << kPageShift}; }
  };

  static constexpr u64 kRunPages = u64{1} << B::kRunOrder;
  static constexpr u64 kBlockPages = u64{1} << B::kBlockOrder;
  static constexpr u64 kBlockSize = kBlockPages * kPageSize;

  constexpr explicit LargeAreas(B backing) : backing_(backing), tree_(VirtRange()) {}

  void start(VirtRange region) {
    const VirtAddr middle = (region.start() + region.size() / 2).align_down(kPageSize);
    lower_ = VirtRange::between(region.start(), middle);
    upper_ = VirtRange::between(middle, region.end());
    tree_.with([&](Tree& tree) { tree = Tree(region); });
  }

  /// Gives the records of all areas back, which must be boot's; this is not used again.
  void close() {
    while (LargeArea* area = tree_.with([](Tree& tree) { return tree.first(); })) {
      CHECK(area->kind == AreaKind::image);
      retire(*area);
    }
  }

  VirtRange region() const { return VirtRange::between(lower_.start(), upper_.end()); }

  /// Addresses for `pages` and a guard page, in state `building`, nothing mapped; where blocks can
  /// be used if they are to be. Errc::out_of_frames, out_of_address_space.
  Result<LargeArea*> take(u64 pages, u64 alignment, Leaves largest);

  /// Takes addresses that are mapped, or used for something else, out of what take() gives. `name`
  /// may be null: then the area is not listed. Errc::already_mapped if they meet an area.
  Result<void> add(VirtRange range, const char* name);

  /// Maps the rest of `pages` pages of `area`; area.mapped says how far it came, also on an error.
  template <typename Frames>
  Result<void> fill(LargeArea& area, u64 pages, Frames& frames);

  /// The area that starts at `va`, if it is in use and of `kind`; its state is then lazy.
  LargeArea* claim(VirtAddr va, AreaKind kind);

  /// Calls `leaves(Entry*, count)` for each stretch of L3 entries of the area, and `block(Entry&)`
  /// for each L2 entry, in order of address.
  template <typename Leaves, typename Block>
  void for_each_entry(const LargeArea& area, Leaves&& leaves, Block&& block);

  /// Takes a lazy area, whose entries are empty again, out of the tree; its record is gone.
  void retire(LargeArea& area);

  /// The first area in use that ends after `from`.
  std::optional<AreaInfo> first_used_after(VirtAddr from);

 private:
  using Tree = AreaTree<LargeArea>;
  using Room = typename Tree::Room;

  Result<Room> find_hole(const Tree& tree, u64 pages, u64 alignment, Leaves largest) const;
  Result<LargeArea*> make_record();

  [[no_unique_address]] B backing_;
  VirtRange lower_, upper_;
  Locked<Tree> tree_;
};

template <VmallocBacking B>
auto LargeAreas<B>::make_record() -> Result<LargeArea*> {
  void* memory = TRY(backing_.alloc_record(sizeof(LargeArea)));
  LargeArea* area = new (memory) LargeArea{};
  area->size_class = Area::kLargeClass;
  area->state.store(AreaState::building, std::memory_order_relaxed);
  return area;
}

/// Where the area goes: aligned to the largest leaf that is to map it.
template <VmallocBacking B>
auto LargeAreas<B>::find_hole(const Tree& tree, u64 pages, u64 alignment, Leaves largest) const
    -> Result<Room> {
  const bool blocks = largest == Leaves::blocks;
  const u64 leaf = blocks ? kBlockSize : pages >= kRunPages ? kRunPages * kPageSize : kPageSize;
  const u64 aligned = alignment > leaf ? alignment : leaf;
  const u64 size = (pages + 1) * kPageSize;
  const Result<Room> room = tree.lowest_hole(size, aligned, blocks ? upper_ : lower_);
  if (room.has_value()) return room;
  return tree.lowest_hole(size, aligned, tree.bounds());
}

template <VmallocBacking B>
auto LargeAreas<B>::take(u64 pages, u64 alignment, Leaves largest) -> Result<LargeArea*> {
  LargeArea* area = TRY(make_record());
  const Result<void> placed = tree_.with([&](Tree& tree) -> Result<void> {
    const Room room = TRY(find_hole(tree, pages, alignment, largest));
    static_cast<AreaNode&>(*area) = AreaNode(room.start.value(), (pages + 1) * kPageSize);
    tree.insert_below(room.above, *area);
    return {};
  });
  if (!placed.has_value()) {
    backing_.free_record(area);
    return placed.error();
  }
  area->start = area->start_value();
  return area;
}

template <VmallocBacking B>
Result<void> LargeAreas<B>::add(VirtRange range, const char* name) {
  LargeArea* area = TRY(make_record());
  static_cast<AreaNode&>(*area) = AreaNode(range.start().value(), range.size());
  area->start = range.start().value();
  area->mapped = range.size() >> kPageShift;
  area->kind = AreaKind::image;
  area->about = name;
  if (name != nullptr) area->state.store(AreaState::used, std::memory_order_relaxed);
  const bool added = tree_.with([&](Tree& tree) {
    const LargeArea* above = tree.first_ending_after(range.start());
    if (above != nullptr && above->start_value() < range.end().value()) return false;
    tree.insert(*area);
    return true;
  });
  if (added) return {};
  backing_.free_record(area);
  return Error{Errc::already_mapped, range.start().value()};
}

template <VmallocBacking B>
template <typename Frames>
Result<void> LargeAreas<B>::fill(LargeArea& area, u64 pages, Frames& frames) {
  while (area.mapped < pages) {
    const VirtAddr va = area.range().end();
    const u64 left = pages - area.mapped;
    if (left >= kBlockPages && va.is_aligned(kBlockSize)) {
      Entry* slot = TRY(backing_.tables().reach(va, Level::L2));
      // Where a table is linked, pages must do: it stays.
      if (load_entry(*slot).raw() == 0 && frames.fill_block(*slot, area.mapped)) {
        area.mapped += kBlockPages;
        continue;
      }
    }
    Entry* entries = TRY(backing_.tables().reach(va, Level::L3));
    const u64 in_table = Tables::pages_in_table(va);
    const u64 count = left < in_table ? left : in_table;
    const u64 filled = frames.fill(entries, va, area.mapped, count);
    area.mapped += filled;
    if (filled != count) return Error{Errc::out_of_frames, 0};
  }
  return {};
}

template <VmallocBacking B>
auto LargeAreas<B>::claim(VirtAddr va, AreaKind kind) -> LargeArea* {
  return tree_.with([&](Tree& tree) -> LargeArea* {
    LargeArea* area = tree.containing(va);
    return area != nullptr && area->claim(va.value(), kind) ? area : nullptr;
  });
}

template <VmallocBacking B>
template <typename Leaves, typename Block>
void LargeAreas<B>::for_each_entry(const LargeArea& area, Leaves&& leaves, Block&& block) {
  for (u64 page = 0; page < area.mapped;) {
    const VirtAddr va(area.start + page * kPageSize);
    const auto [slots, level] = backing_.tables().find(va);
    if (level != Level::L3) {
      block(*slots);
      page += kBlockPages;
      continue;
    }
    const u64 left = area.mapped - page, in_table = Tables::pages_in_table(va);
    const u64 count = left < in_table ? left : in_table;
    leaves(slots, count);
    page += count;
  }
}

template <VmallocBacking B>
void LargeAreas<B>::retire(LargeArea& area) {
  tree_.with([&](Tree& tree) { tree.remove(area); });
  backing_.free_record(&area);
}

template <VmallocBacking B>
std::optional<AreaInfo> LargeAreas<B>::first_used_after(VirtAddr from) {
  return tree_.with([&](Tree& tree) -> std::optional<AreaInfo> {
    for (LargeArea* area = tree.first_ending_after(from); area != nullptr;
         area = Tree::next(*area)) {
      // A guard page is in the node, but not in the area.
      if (area->is_used() && area->range().end() > from) return info_of(*area, area->mapped);
    }
    return std::nullopt;
  });
}

}  // namespace meridian
