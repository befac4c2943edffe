// SPDX-License-Identifier: MIT
/// The cursor: where one virtual address stands in a tree of tables, from the root down to the
/// entry that decides about it. Mapping, unmapping, protecting, translating, walking and dumping
/// all move the same cursor. It changes nothing but invalid entries, into links to new tables.
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
    switch (level_) {  // one by one, so that each one's shift is a constant
      case Level::L0:
        enter(root, geometry.index(Level::L0, va));
        break;
      case Level::L1:
        enter(root, geometry.index(Level::L1, va));
        break;
      case Level::L2:
        enter(root, geometry.index(Level::L2, va));
        break;
      case Level::L3:
        enter(root, geometry.index(Level::L3, va));
        break;
    }
  }

  VirtAddr va() const { return va_; }
  Level level() const { return level_; }
  usize index() const { return index_; }
  /// The table that the cursor stands in.
  Frame table() const { return Frame::from_number(tables_[number_of(level_)]); }
  /// The entry it stands on, and those after it in the same table.
  Entry* slots() const { return slots_ + index_; }
  /// Bytes of address space that one entry of this table covers.
  u64 span() const { return geometry_.entry_span(level_); }
  /// The first address that the entry covers.
  VirtAddr start() const { return va_.align_down(span()); }
  /// The entry; invalid if the table is missing (see descend_into_missing).
  Entry entry() const { return slots_ == nullptr ? Entry() : load_entry(*slots()); }
  Kind kind() const { return entry().kind(level_); }

  /// All addresses that its table decides about.
  VirtRange table_range() const {
    const u64 size = span() * geometry_.entries(level_);
    return {va_.align_down(size), size};
  }

  /// How many entries from here to the end of the table begin before the range of `bytes` from va()
  /// on ends. (Their first and last may be covered in part.)
  usize slots_within(u64 bytes) const {
    const u64 last_offset = (va_.value() & (span() - 1)) + (bytes - 1);
    const u64 touched = (last_offset >> std::countr_zero(span())) + 1;
    const usize in_table = geometry_.entries(level_) - index_;
    return touched < in_table ? static_cast<usize>(touched) : in_table;
  }

  /// Goes down through the tables that exist, to the leaf or invalid entry where a walk would end,
  /// and returns that entry. Written out level by level, so that each one's shifts are constants.
  [[gnu::always_inline]] Entry descend() {
    Entry found = load_entry(*slots());
    switch (level_) {
      case Level::L0:
        if (!descend_from<Level::L0>(found)) break;
        [[fallthrough]];
      case Level::L1:
        if (!descend_from<Level::L1>(found)) break;
        [[fallthrough]];
      case Level::L2:
        descend_from<Level::L2>(found);
        break;
      case Level::L3:
        break;
    }
    return found;
  }
  /// The same, but not below `lowest`.
  Entry descend(Level lowest) {
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
    enter(table, Geometry::table_index(level_, va_));
  }

  /// Goes down where no table is, as if there were an empty one: for planning.
  void descend_into_missing() {
    level_ = next_level(level_);
    slots_ = nullptr;
    index_ = Geometry::table_index(level_, va_);
  }

  /// Goes down through a table taken from `spares` and linked here. The entry must be invalid. If
  /// another CPU links its own table first, that one is used and ours goes back.
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
    enter(table(), geometry_.index(level_, va_));
  }
  bool at_root() const { return level_ == geometry_.first_level(); }

  /// How many of the next `wanted` entries are invalid before the first link to a table. A leaf
  /// among them is Errc::already_mapped.
  Result<usize> free_slots(usize wanted) const {
    if (slots_ == nullptr) return wanted;
    Entry* const first = slots();
    for (Entry* slot = first; slot != first + wanted; ++slot) {
      const Entry found = load_entry(*slot);
      if (found.raw() == 0 || found.kind(level_) == Kind::invalid) continue;
      const usize i = static_cast<usize>(slot - first);
      if (found.kind(level_) == Kind::table) return i;
      return Error{Errc::already_mapped, (start() + i * span()).value()};
    }
    return wanted;
  }

  /// True if the table has no valid entry. Those in [index, index + known) are known to be invalid.
  /// Looks at the neighbours first, since they are the likeliest to be in use.
  bool table_is_empty(usize known) const {
    return all_invalid(index_ + known, geometry_.entries(level_)) && all_invalid(0, index_);
  }

 private:
  [[gnu::always_inline]] void enter(Frame table, usize index) {
    tables_[number_of(level_)] = table.number();
    slots_ = store_.entries(table);
    index_ = index;
  }
  /// Goes down if `found`, the entry here, links to a table, and then reads the entry there.
  template <Level kLevel>
  [[gnu::always_inline]] bool descend_from(Entry& found) {
    if (found.kind(kLevel) != Kind::table) {
      level_ = kLevel;
      return false;
    }
    level_ = next_level(kLevel);
    enter(found.output(), Geometry::table_index(next_level(kLevel), va_));
    found = load_entry(*slots());
    return true;
  }

  /// Are the entries [from, end) of this table invalid?
  bool all_invalid(usize from, usize end) const {
    while (from < end) {
      // Most are zero. The space is exclusive, so plain loads will do, which go in pairs.
      const Entry* const e = slots_ + from;
      if (from + 8 <= end && (e[0].raw() | e[1].raw() | e[2].raw() | e[3].raw() | e[4].raw() |
                              e[5].raw() | e[6].raw() | e[7].raw()) == 0) {
        from += 8;
        continue;
      }
      if (e->kind(level_) != Kind::invalid) return false;
      ++from;
    }
    return true;
  }

  const Geometry& geometry_;
  Store& store_;
  VirtAddr va_;
  Level level_;
  usize index_ = 0;
  Entry* slots_ = nullptr;
  u64 tables_[std::size(kLevels)];  // by level, as far as it went down: frame numbers
};

/// Calls `on_run(cursor, count)` for each stretch of `range` that is decided in one table: `count`
/// slots from the cursor on, of which the first is no link and the first and last may reach out of
/// the range. It returns how many it dealt with, stopping before a link to a table; the visit goes
/// on from there.
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
