// SPDX-License-Identifier: MIT
/// How the mapper unmaps; included by mapper.h. Entries are cleared table by table; the gather
/// learns what became stale in one piece per table, and tables that became empty follow from the
/// bottom up.
#pragma once

#include "mm/paging/mapper.h"

namespace meridian {

/// What clear_run() did: how many slots it passed, and where the cleared ones are among them.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
struct Mapper<F, Store, T, kSharing>::Cleared {
  usize passed;
  usize first, end;  // no slot outside [first, end) was cleared

  bool any() const { return end != first; }
  VirtAddr start(const Cursor& cursor) const { return cursor.start() + first * cursor.span(); }
  u64 size(const Cursor& cursor) const { return (end - first) * cursor.span(); }
};

/// Clears the leaves among `count` slots of a table of `level`, up to the first link to a table.
/// `on_leaf(i, entry)` hears of each.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename OnLeaf>
auto Mapper<F, Store, T, kSharing>::clear_slots(Entry* slots, usize count, Level level,
                                                OnLeaf&& on_leaf) -> Cleared {
  usize i = 0;
  while (i < count && load_entry(slots[i]).kind(level) == Kind::invalid) ++i;
  const usize first = i;
  usize end = i;
  for (; i < count; ++i) {
    const Entry found = load_entry(slots[i]);
    const Kind kind = found.kind(level);
    if (kind == Kind::invalid) continue;
    if (kind == Kind::table) break;
    store_entry(slots[i], Entry());
    end = i + 1;
    on_leaf(i, found);
  }
  return {.passed = i, .first = first, .end = end};
}

/// clear_slots() from the cursor on. Nearly always these are pages, which have a loop of their own.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename OnLeaf>
auto Mapper<F, Store, T, kSharing>::clear_run(const Cursor& cursor, usize count, OnLeaf&& on_leaf)
    -> Cleared {
  if (cursor.level() == Level::L3) return clear_slots(cursor.slots(), count, Level::L3, on_leaf);
  return clear_slots(cursor.slots(), count, cursor.level(), on_leaf);
}

/// Prepares the first and the last of `count` slots, which may reach out of `range`.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::check_cuts(const Cursor& cursor, usize count, VirtRange range) {
  check_cut(cursor, 0, range);
  if (count > 1) check_cut(cursor, count - 1, range);
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::check_cut(const Cursor& cursor, usize i, VirtRange range) {
  const Level level = cursor.level();
  const Entry entry = load_entry(cursor.slots()[i]);
  if (entry.kind(level) != Kind::leaf) return;
  if (level == Level::L3 && !entry.attributes(Level::L3).contiguous) return;
  keep_what_is_outside(cursor, i, entry, range);
}

/// If `entry`, `i` slots after the cursor, belongs to a contiguous group that reaches out of
/// `range`, the group stops being one. If it is a block that does so itself, that is the caller's
/// mistake.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::keep_what_is_outside(const Cursor& cursor, usize i, Entry entry,
                                                         VirtRange range) {
  const Unit unit = unit_at(cursor, i, entry);
  if (range.contains(VirtRange(unit.start, unit.count * unit.span))) return;
  CHECK(range.contains(VirtRange(cursor.start() + i * unit.span, unit.span)));
  drop_contiguous(unit);
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::unmap(VirtRange range, Gather& gather) {
  CHECK(check_range(range).has_value());
  for_each_run<F>(geometry_, store_, root_, range, [&](const Cursor& cursor, usize count) {
    check_cuts(cursor, count, range);
    const Cleared cleared = unmap_run(cursor, count, gather);
    if constexpr (kSharing == Sharing::exclusive)
      if (cleared.any()) free_empty_tables(cursor, cleared.passed, cleared.start(cursor), gather);
    return cleared.passed;
  });
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::unmap_in_hole(VirtRange range, VirtRange hole, Gather& gather) {
  static_assert(kSharing == Sharing::exclusive);
  CHECK(is_valid(range) && hole.contains(range));
  for_each_run<F>(geometry_, store_, root_, range, [&](const Cursor& cursor, usize count) {
    check_cuts(cursor, count, range);
    const Cleared cleared = unmap_run(cursor, count, gather);
    const VirtAddr done = cursor.start() + cleared.passed * cursor.span();
    if (!cursor.at_root() && hole.contains(cursor.table_range()))
      unlink_tables_in_hole(cursor, done, range, hole,
                            [&](Frame table, VirtAddr va) { gather.unlink(table, va); });
    return cleared.passed;
  });
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
auto Mapper<F, Store, T, kSharing>::unmap_run(const Cursor& cursor, usize count, Gather& gather)
    -> Cleared {
  const u64 span = cursor.span();
  Cleared cleared;
  if (gather.wants_leaves()) {
    usize first = 0, end = 0;  // cleared, one after the other, and not told to the gather yet
    const auto tell = [&] {
      if (end != first)
        gather.invalidate(cursor.start() + first * span, (end - first) * span, span);
    };
    cleared = clear_run(cursor, count, [&](usize i, Entry leaf) {
      const FrameRange frames{leaf.output(), frames_of(cursor)};
      const bool will_flush = !gather.has_room_for(frames);  // and must know all that is stale
      if (i != end) [[unlikely]] {
        tell();
        first = i;
      }
      end = i + 1;
      if (will_flush) [[unlikely]] {
        tell();
        first = end;
      }
      gather.release(frames);
    });
    tell();
  } else {
    cleared = clear_run(cursor, count, [](usize, Entry) {});
    if (cleared.any()) gather.invalidate(cleared.start(cursor), cleared.size(cursor), span);
  }
  return cleared;
}

/// Unlinks the cursor's table if it lies in `hole` and `range` has been cleared in it to the end
/// (up to `done`), then the one above, and so on; not the root.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename OnUnlinked>
void Mapper<F, Store, T, kSharing>::unlink_tables_in_hole(Cursor cursor, VirtAddr done,
                                                          VirtRange range, VirtRange hole,
                                                          OnUnlinked&& on_unlinked) {
  while (!cursor.at_root()) {
    const Frame table = cursor.table();
    cursor.ascend();
    const VirtRange span{cursor.start(), cursor.span()};
    if (!hole.contains(span) || (done < span.end() && done < range.end())) return;
    store_entry(*cursor.slots(), Entry());
    on_unlinked(table, cursor.start());
  }
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename OnLeaf>
void Mapper<F, Store, T, kSharing>::release_in_hole(VirtRange range, VirtRange hole,
                                                    OnLeaf&& on_leaf) {
  CHECK(is_valid(range) && hole.contains(range));
  for_each_run<F>(geometry_, store_, root_, range, [&](const Cursor& cursor, usize count) -> usize {
    const bool is_last = cursor.level() == Level::L3;
    const usize passed = is_last ? count : count_invalid(cursor, count);
    if (is_last)
      for_each_leaf(std::span<Entry>(cursor.slots(), count),
                    [&](Entry&, Entry found) { on_leaf(found.output()); });
    const VirtAddr done = cursor.start() + passed * cursor.span();
    unlink_tables_in_hole(cursor, done, range, hole,
                          [this](Frame table, VirtAddr) { store_.free_table(table); });
    return passed;
  });
}

/// Unlinks the cursor's table if it is empty, then the one above, and so on; not the root. `stale`
/// is an address that was translated through it.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::free_empty_tables(Cursor cursor, usize known_empty,
                                                      VirtAddr stale, Gather& gather) {
  while (!cursor.at_root() && cursor.table_is_empty(known_empty)) {
    const Frame table = cursor.table();
    cursor.ascend();
    store_entry(*cursor.slots(), Entry());
    gather.unlink(table, stale);
    known_empty = 1;
  }
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<typename Mapper<F, Store, T, kSharing>::Gather>
Mapper<F, Store, T, kSharing>::split_and_unmap(VirtRange range, LeafRelease release) {
  TRY(check_range(range));
  TRY(split_edges(range));
  return unmap(range, release);
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
StaleRange Mapper<F, Store, T, kSharing>::unmap_leaves(VirtRange range) {
  CHECK(check_range(range).has_value());
  u64 stride = range.size();
  for_each_run<F>(geometry_, store_, root_, range, [&](const Cursor& cursor, usize count) {
    check_cuts(cursor, count, range);
    const Cleared cleared = clear_run(cursor, count, [](usize, Entry) {});
    if (cleared.any() && cursor.span() < stride) stride = cursor.span();
    return cleared.passed;
  });
  return {range, stride};
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
bool Mapper<F, Store, T, kSharing>::is_empty() const {
  const Entry* const entries = store_.entries(root_);
  for (usize i = 0; i < geometry_.entries(geometry_.first_level()); ++i)
    if (entries[i].raw() != 0) return false;
  return true;
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::release_tables() {
  const Level top = geometry_.first_level();
  Frame tables[std::size(kLevels)];
  usize next[std::size(kLevels)];  // entry to look at, in the table of each level
  Level level = top;
  tables[number_of(level)] = root_;
  next[number_of(level)] = 0;
  for (;;) {
    usize& i = next[number_of(level)];
    if (level == Level::L3 || i == geometry_.entries(level)) {
      if (level == top) return;
      store_.free_table(tables[number_of(level)]);
      level = static_cast<Level>(number_of(level) - 1);
      continue;
    }
    Entry& slot = store_.entries(tables[number_of(level)])[i++];
    const Entry found = load_entry(slot);
    if (level == top) store_entry(slot, Entry());
    if (found.kind(level) != Kind::table) continue;
    level = next_level(level);
    tables[number_of(level)] = found.output();
    next[number_of(level)] = 0;
  }
}

}  // namespace meridian
