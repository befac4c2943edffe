// SPDX-License-Identifier: MIT
/// The mapper: every change to the tables of one address space, for boot, the kernel, programs and
/// tests alike. An operation that fails has changed nothing: it checks, and takes the tables it
/// will need, before it writes the first entry. Nothing here locks; `Sharing` says who may call at
/// the same time.
#pragma once

#include <span>

#include "mm/paging/cursor.h"
#include "mm/paging/dump.h"
#include "mm/paging/gather.h"
#include "mm/paging/replace.h"
#include "mm/paging/walk.h"

namespace meridian {

struct MapOptions {
  Level largest = Level::L1;    // the coarsest leaf allowed
  bool contiguous_hint = true;  // mark aligned groups of leaves as contiguous
};

/// What an address is mapped to.
struct Translation {
  PhysAddr pa;  // of the very byte asked for
  Attributes attributes;
  Level level;
  u64 size;  // bytes that the leaf maps
};

/// Translations that unmap_leaves() removed: the arguments for Tlb::invalidate(), when the time
/// comes.
struct StaleRange {
  VirtRange range;
  u64 stride;                                              // one entry each so many bytes
  static constexpr TlbScope kScope = TlbScope::leaf_only;  // no table was unlinked
};

/// One address space's tables: a root, its geometry, where tables come from, and its TLB. Cheap to
/// make and to copy; it owns none of them. Ranges are in whole pages within the half; a range that
/// is not gives Errc::bad_range or not_aligned where a Result is returned, and fails a CHECK
/// elsewhere.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T,
          Sharing kSharing = Sharing::exclusive>
class Mapper {
 public:
  using Entry = typename F::Entry;
  using Geometry = typename F::Geometry;
  using Cursor = meridian::Cursor<F, Store>;
  using Gather = meridian::Gather<Store, T>;
  using Walk = meridian::Walk<F>;

  Mapper(Frame root, const Geometry& geometry, Store& store, T tlb)
      : root_(root), geometry_(geometry), half_(half_of(geometry)), store_(store), tlb_(tlb) {}

  Frame root() const { return root_; }
  const Geometry& geometry() const { return geometry_; }

  /// Maps `range` to the frames from `first` on, with the largest leaves that fit; they can be used
  /// as soon as this returns. Errc::already_mapped (the first such address), out_of_frames,
  /// too_large (the frames end beyond what the format can address). `attributes.contiguous` is ours
  /// to choose.
  Result<void> map(VirtRange range, Frame first, Attributes attributes, MapOptions options = {});

  /// Maps pages from `start` on, each to its own frame. Fails as map() does.
  Result<void> map_pages(VirtAddr start, std::span<const Frame> frames, Attributes attributes);

  /// Removes whatever is mapped in `range`; holes are fine. A block that lies partly in it must
  /// have been split before (see split_and_unmap). Until the gather is flushed, CPUs may still use
  /// the mappings. Where a contiguous group is cut, its other pages fault for a moment.
  Gather unmap(VirtRange range, LeafRelease release = {}) {
    Gather gather(store_, tlb_, release);
    unmap(range, gather);
    return gather;
  }
  /// The same into a gather that already owes something for this address space.
  void unmap(VirtRange range, Gather& gather);
  /// The same for a caller who knows what else is mapped around: nothing in `hole`, which contains
  /// `range`, will be. Tables that lie in it go without being looked through; others stay, even if
  /// they are empty. (A hole of `range` itself, or less than a table around it: all stay.)
  void unmap_in_hole(VirtRange range, VirtRange hole, Gather& gather);

  /// unmap() for a range that somebody asked for: checked, and blocks that reach out of it are
  /// split. Errc::out_of_frames if a split needs a table that is not there.
  Result<Gather> split_and_unmap(VirtRange range, LeafRelease release = {});

  /// unmap() for callers who invalidate late and many at once: clears the leaves and says what a
  /// TLB may still hold. The tables stay. Until the caller has called publish(), invalidate() and
  /// finish() for it, neither the addresses nor the frames may be used again.
  StaleRange unmap_leaves(VirtRange range);

  /// Gives whatever is mapped in `range` these attributes (contiguous is kept where possible),
  /// splitting blocks that reach out of it. Complete on every CPU when it returns. If the memory
  /// type changes, or a block is split, its addresses fault for a moment. Errc::out_of_frames.
  Result<void> protect(VirtRange range, Attributes attributes);

  /// Makes the mapped page at `va` lead to `frame` instead, with these attributes; complete on
  /// every CPU when it returns, and it faults for a moment in between. Errc::not_mapped,
  /// out_of_frames (of a split).
  Result<void> replace_page(VirtAddr va, Frame frame, Attributes attributes);

  /// protect() that decides for each page of `range`: it becomes as the entry that `choose(Frame)`
  /// returns, which differs from the one there at most in its rights and its frame, and keeps its
  /// frame. The invalidations are left to `owed`.
  template <typename Choose>
  void protect_pages(VirtRange range, Gather& owed, Choose&& choose);

  /// Maps in `to`, from `to_start` on, where nothing is mapped, what is mapped in `range` here, page
  /// by page and with the same rights. The caller publishes. Errc::out_of_frames (of a table); then
  /// the pages before have been copied.
  Result<void> copy_pages(VirtRange range, Mapper& to, VirtAddr to_start);

  /// Calls `on_page(Entry, VirtAddr)` for each mapped page of `range`, lowest
  /// first.
  template <typename OnPage>
  void for_each_page(VirtRange range, OnPage&& on_page);
  /// Calls `on_slots(std::span<Entry>, VirtAddr first)` for the part of `range` in each last table
  /// that there is, lowest first.
  template <typename OnSlots>
  void for_each_last_table(VirtRange range, OnSlots&& on_slots);
  /// Calls `on_leaf(Entry& slot, Entry found)` for the mapped pages among such slots.
  template <typename OnLeaf>
  static void for_each_leaf(std::span<Entry> slots, OnLeaf&& on_leaf);

  /// Do these two pages have their entries in the same last table?
  static bool in_one_table(VirtAddr a, VirtAddr b);
  /// The entry of the page at `va` in a last table; null if there is no such table, or a block.
  Entry* find_page(VirtAddr va) const;
  /// The same where nothing maps `va`: tables that are missing are added, all or none. The caller
  /// publishes. Errc::out_of_frames.
  Result<Entry*> reach_page(VirtAddr va);
  /// reach_page() for one page after another, lowest first: in the table of the last it needs no walk.
  /// No table goes meanwhile.
  class NearSlots {
   public:
    explicit NearSlots(Mapper& mapper) : mapper_(mapper) {}
    Result<Entry*> reach(VirtAddr va) {
      const bool same_table = slot_ != nullptr && in_one_table(va_, va);
      slot_ = same_table ? slot_ + ((va - va_) >> kPageShift) : TRY(mapper_.reach_page(va));
      va_ = va;
      return slot_;
    }

   private:
    Mapper& mapper_;
    Entry* slot_ = nullptr;  // of va_
    VirtAddr va_;
  };


  /// Makes sure that no leaf above `level` maps `va`, without changing any translation.
  /// Errc::not_mapped, out_of_frames. The block's addresses fault for a moment.
  Result<void> split_block(VirtAddr va, Level level);

  /// Is no table linked to the root, and nothing mapped by it?
  bool is_empty() const;
  /// Frees every table below the root and empties the root, without a word to the TLB: the space is
  /// not live on any CPU, and its ASID was invalidated.
  void release_tables();
  /// The same piece by piece, for a caller who knows where anything is mapped: `on_leaf(Frame)` for
  /// each page in `range`, and the tables that lie in `hole` are freed as by unmap_in_hole().
  template <typename OnLeaf>
  void release_in_hole(VirtRange range, VirtRange hole, OnLeaf&& on_leaf);

  /// Errc::not_mapped, or not_canonical if this half does not translate `va`.
  Result<Translation> translate(VirtAddr va) const;
  /// The physical address only.
  Result<PhysAddr> physical(VirtAddr va) const;
  /// Every entry the MMU would read for `va`.
  Walk walk(VirtAddr va) const { return walk_tables<F>(geometry_, store_, root_, va); }

  /// All addresses of the half.
  VirtRange half() const { return half_; }
  /// Calls visit(const DumpRun&) for each run of `part`, in order.
  template <typename Visit>
  void dump(VirtRange part, Coalesce rule, Visit&& visit) const {
    CHECK(check_range(part).has_value());
    dump_tables<F>(geometry_, store_, root_, part, rule, visit);
  }
  template <typename Visit>
  void dump(Visit&& visit) const {
    dump(half(), Coalesce::rights, visit);
  }

 private:
  using Spares = SpareTables<Entry, Store>;
  using Unit = LeafUnit<Entry>;

  /// Where something is to be mapped, and how large its leaves may be.
  struct Request {
    VirtRange range;
    Frame first;
    Level largest;

    u64 left(VirtAddr va) const { return range.size() - (va - range.start()); }
    u64 frames_before(VirtAddr va) const { return (va - range.start()) >> kPageShift; }
    Frame frame_at(VirtAddr va) const { return first + frames_before(va); }
  };

  Cursor at(VirtAddr va) const { return Cursor(geometry_, store_, root_, va); }
  static u64 frames_of(const Cursor& cursor) { return cursor.span() >> kPageShift; }
  Result<void> check_range(VirtRange range) const;
  /// What check_range() lets pass.
  bool is_valid(VirtRange range) const {
    return ((range.start().value() | range.size()) & (kPageSize - 1)) == 0 && !range.is_empty() &&
           half_.contains(range);
  }

  // mapper_map.h
  static Result<void> check_output(Frame first, u64 frames);
  template <typename Fill>
  Result<void> map_request(const Request& request, Fill&& fill);
  Result<void> reserve(const Request& request, Spares& spares) const;
  template <typename Fill>
  void commit(const Request& request, Spares& spares, Fill&& fill);
  template <typename OnMissing>
  Result<void> find_place(Cursor& cursor, const Request& request, OnMissing&& on_missing) const;
  bool fits(const Cursor& cursor, const Request& request) const;
  usize whole_slots(const Cursor& cursor, const Request& request) const;
  static void fill(Entry* slots, usize count, Entry first, u64 frames_each);
  void fill_run(const Cursor& cursor, usize count, Frame first, Attributes attributes,
                bool contiguous_hint) const;
  void fill_frames(const Cursor& cursor, std::span<const Frame> frames,
                   Attributes attributes) const;

  // mapper_unmap.h
  struct Cleared;
  template <typename OnLeaf>
  [[gnu::always_inline]] static inline Cleared clear_slots(Entry* slots, usize count, Level level,
                                                           OnLeaf&& on_leaf);
  template <typename OnLeaf>
  [[gnu::always_inline]] inline Cleared clear_run(const Cursor& cursor, usize count,
                                                  OnLeaf&& on_leaf);
  [[gnu::always_inline]] inline void check_cuts(const Cursor& cursor, usize count, VirtRange range);
  [[gnu::always_inline]] inline void check_cut(const Cursor& cursor, usize i, VirtRange range);
  [[gnu::noinline]] void keep_what_is_outside(const Cursor& cursor, usize i, Entry entry,
                                              VirtRange range);
  Cleared unmap_run(const Cursor& cursor, usize count, Gather& gather);
  template <typename OnUnlinked>
  void unlink_tables_in_hole(Cursor cursor, VirtAddr done, VirtRange range, VirtRange hole,
                             OnUnlinked&& on_unlinked);
  void free_empty_tables(Cursor cursor, usize known_empty, VirtAddr stale, Gather& gather);

  // mapper_pages.h
  static usize count_invalid(const Cursor& cursor, usize count);

  // mapper_protect.h
  usize protect_run(const Cursor& cursor, usize count, Attributes attributes, Gather& owed);
  Unit unit_at(const Cursor& cursor, usize i, Entry entry) const;
  [[gnu::noinline]] usize break_and_change(const Unit& unit, Entry wanted);
  void drop_contiguous(const Unit& unit);
  usize tables_to_split(VirtRange range) const;
  Result<void> split_edges(VirtRange range);
  void split_at(VirtAddr edge, Spares& spares);
  void split(Cursor& cursor, Spares& spares);

  Frame root_;
  Geometry geometry_;
  VirtRange half_;
  Store& store_;
  [[no_unique_address]] T tlb_;
};

}  // namespace meridian

#include "mm/paging/mapper_map.h"
#include "mm/paging/mapper_pages.h"
#include "mm/paging/mapper_protect.h"
#include "mm/paging/mapper_unmap.h"
