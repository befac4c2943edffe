// SPDX-License-Identifier: MIT
/// The cursor: where one virtual address stands in a tree of tables, from the root down to the entry
/// that decides about it. Mapping, unmapping, protecting, translating, walking and dumping all move the
/// same cursor. It changes nothing but invalid entries, into links to new tables.
#pragma once

#include "mm/paging/spare_tables.h"
#include "mm/range.h"

namespace meridian {

/// All the addresses that a geometry translates: a half starts at 0 or ends at 2^64. The size is a
/// power of two below 2^64.
template <PagingGeometry G>
constexpr VirtRange half_of(const G& geometry) {
  const Level first = geometry.first_level();
  const u64 size = geometry.entry_span(first) * geometry.entries(first);
  return {geometry.contains(VirtAddr(0)) ? VirtAddr(0) : VirtAddr(0) - size, size};
}

template <PagingFormat F, TableStore<typename F::Entry> Store>
class Cursor {
 public:
  using Entry = typename F::Entry;
  using Geometry = typename F::Geometry;

  /// Stands on the entry of `root` that `va` selects. The geometry must contain `va`.
  Cursor(const Geometry& geometry, Store& store, Frame root, VirtAddr va)
      : geometry_(geometry), store_(store), va_(va), level_(geometry.first_level()) {
    enter(root);
  }

  VirtAddr va() const { return va_; }
  Level level() const { return level_; }
  usize index() const { return index_; }
  /// The table that the cursor stands in.
  Frame table() const { return tables_[number_of(level_)]; }
  /// The entry it stands on, and those after it in the same table.
  Entry* slots() const { return slots_ + index_; }
  /// Bytes of address space that one entry of this table covers.
  u64 span() const { return geometry_.entry_span(level_); }
  /// The first address that the entry covers.
  VirtAddr start() const { return va_.align_down(span()); }
  /// The entry; invalid if the table is missing (see descend_into_missing).
  Entry entry() const { return slots_ == nullptr ? Entry() : load_entry(*slots()); }
  Kind kind() const { return entry().kind(level_); }

  /// How many entries from here to the end of the table begin before the range of `bytes` from va() on
  /// ends. (Their first and last may be covered in part.)
  usize slots_within(u64 bytes) const {
    const u64 last_offset = (va_.value() & (span() - 1)) + (bytes - 1);
    const u64 touched = (last_offset >> std::countr_zero(span())) + 1;
    const usize in_table = geometry_.entries(level_) - index_;
    return touched < in_table ? static_cast<usize>(touched) : in_table;
  }

  /// Goes down through the tables that exist, to the leaf or invalid entry where a walk would end, but
  /// not below `lowest`; returns that entry.
  [[gnu::always_inline]] Entry descend(Level lowest = Level::L3) {
    Entry found = load_entry(*slots());
    while (level_ != lowest && found.kind(level_) == Kind::table) {
      descend_into(found.output());
      found = load_entry(*slots());
    }
    return found;
  }

  /// Goes down through the link to `table` that this entry holds.
  void descend_into(Frame table) {
    level_ = next_level(level_);
    enter(table);
  }

  /// Goes down where no table is, as if there were an empty one: for planning.
  void descend_into_missing() {
    level_ = next_level(level_);
    slots_ = nullptr;
    index_ = geometry_.index(level_, va_);
  }

  /// Goes down through a table taken from `spares` and linked here. The entry must be invalid. If another
  /// CPU links its own table first, that one is used and ours goes back.
  template <Sharing kSharing>
  void descend_into_new(SpareTables<Entry, Store>& spares) {
    const Frame ours = spares.take();
    const Entry link = Entry::table(ours);
    const Entry found = link_entry<kSharing>(*slots(), link);
    if (found.raw() != link.raw()) {
      CHECK(found.kind(level_) == Kind::table);  // another leaf here: two owners of one range
      spares.put(ours);
    }
    descend_into(found.output());
  }

  /// Goes back to the table above, onto the entry that links to this one.
  void ascend() {
    level_ = static_cast<Level>(number_of(level_) - 1);
    enter(table());
  }
  bool at_root() const { return level_ == geometry_.first_level(); }

  /// How many of the next `wanted` entries are invalid before the first link to a table. A leaf among
  /// them is Errc::already_mapped.
  Result<usize> free_slots(usize wanted) const {
    if (slots_ == nullptr) return wanted;
    Entry* const first = slots();
    for (usize i = 0; i < wanted; ++i) {
      const Entry found = load_entry(first[i]);
      if (found.raw() == 0 || found.kind(level_) == Kind::invalid) continue;
      if (found.kind(level_) == Kind::table) return i;
      return Error{Errc::already_mapped, (start() + i * span()).value()};
    }
    return wanted;
  }

  /// True if the table has no valid entry. Those in [index, index + known) are known to be invalid. Looks
  /// at the neighbours first, since they are the likeliest to be in use.
  bool table_is_empty(usize known) const {
    const usize end = geometry_.entries(level_);
    for (usize i = index_ + known; i < end; ++i)
      if (load_entry(slots_[i]).kind(level_) != Kind::invalid) return false;
    for (usize i = index_; i > 0; --i)
      if (load_entry(slots_[i - 1]).kind(level_) != Kind::invalid) return false;
    return true;
  }

 private:
  [[gnu::always_inline]] void enter(Frame table) {
    tables_[number_of(level_)] = table;
    slots_ = store_.entries(table);
    index_ = geometry_.index(level_, va_);
  }

  const Geometry& geometry_;
  Store& store_;
  VirtAddr va_;
  Level level_;
  usize index_ = 0;
  Entry* slots_ = nullptr;
  Frame tables_[std::size(kLevels)];
};

/// Calls `on_run(cursor, count)` for each stretch of `range` that is decided in one table: `count` slots
/// from the cursor on, of which the first is no link and the first and last may reach out of the range.
/// It returns how many it dealt with, stopping before a link to a table; the visit goes on from there.
template <PagingFormat F, typename Store, typename OnRun>
[[gnu::always_inline]] inline void for_each_run(const typename F::Geometry& geometry, Store& store,
                                                Frame root, VirtRange range, OnRun&& on_run) {
  u64 done = 0;
  while (done < range.size()) {
    Cursor<F, Store> cursor(geometry, store, root, range.start() + done);
    cursor.descend();
    const usize passed = on_run(cursor, cursor.slots_within(range.size() - done));
    if (passed == 0) continue;  // another CPU has just linked a table here: go down into it
    done += passed * cursor.span() - (cursor.va() - cursor.start());
  }
}

}  // namespace meridian
