// SPDX-License-Identifier: MIT
/// How the mapper changes what is mapped already; included by mapper.h. Every change from one valid
/// entry to another goes through replace(), which breaks before it makes where that is needed.
#pragma once

#include "mm/paging/mapper.h"

namespace meridian {

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<void> Mapper<F, Store, T, kSharing>::protect(VirtRange range, Attributes attributes) {
  TRY(check_range(range));
  TRY(split_edges(range));
  Gather owed(store_, tlb_);
  for_each_run<F>(geometry_, store_, root_, range, [&](const Cursor& cursor, usize count) {
    return protect_run(cursor, count, attributes, owed);
  });
  return {};
}

/// Changes the leaves among `count` slots, none of which reaches out of the range; returns how many
/// slots it passed, up to the first link to a table.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
usize Mapper<F, Store, T, kSharing>::protect_run(const Cursor& cursor, usize count,
                                                 Attributes attributes, Gather& owed) {
  const Level level = cursor.level();
  Entry* const slots = cursor.slots();
  AttributeChange<Entry> change(level, attributes);
  usize first = count, end = 0;  // changed in place
  usize i = 0;
  while (i < count) {
    const Entry found = load_entry(slots[i]);
    const Kind kind = found.kind(level);
    if (kind == Kind::table) break;
    if (kind == Kind::leaf) {
      switch (change.decide(found)) {
        case Change::none:
          break;
        case Change::in_place:
          change.write_in_place(slots[i], found);
          if (first == count) first = i;
          end = i + 1;
          break;
        case Change::break_first:
          i += break_and_change(unit_at(cursor, i, found), change.changed(found));
          continue;
      }
    }
    ++i;
  }
  if (end != 0 && !seeded(Bug::protect_without_tlbi))
    owed.invalidate(cursor.start() + first * cursor.span(), (end - first) * cursor.span(),
                    cursor.span());
  return i;
}

/// Replaces a unit by one that begins with `wanted` and needs a break; returns how many slots it
/// has.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
usize Mapper<F, Store, T, kSharing>::break_and_change(const Unit& unit, Entry wanted) {
  CHECK(replace(unit, wanted, tlb_) == Change::break_first);
  return unit.count;
}

/// The unit that `entry`, a leaf `i` slots after the cursor, belongs to.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
typename Mapper<F, Store, T, kSharing>::Unit Mapper<F, Store, T, kSharing>::unit_at(
    const Cursor& cursor, usize i, Entry entry) const {
  const Level level = cursor.level();
  const bool joined = entry.attributes(level).contiguous;
  const usize count = joined ? geometry_.contiguous_entries(level) : 1;
  const usize into = (cursor.index() + i) & (count - 1);  // entries of the group before this one
  const VirtAddr start = cursor.start() + i * cursor.span() - into * cursor.span();
  return {cursor.slots() + i - into, count, level, start, cursor.span()};
}

/// Makes a contiguous group into as many leaves on their own.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::drop_contiguous(const Unit& unit) {
  const Entry first = load_entry(unit.slots[0]);
  Attributes attributes = first.attributes(unit.level);
  attributes.contiguous = false;
  const Entry alone = Entry::leaf(unit.level, first.output(), attributes);
  break_and_change(unit, alone);
}

/// Splits the cursor's block into leaves of the next level, and goes down onto the one for its
/// address.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::split(Cursor& cursor, Spares& spares) {
  const Level level = cursor.level(), below = next_level(level);
  const Unit unit = unit_at(cursor, 0, cursor.entry());
  if (unit.count > 1) drop_contiguous(unit);

  const Entry block = cursor.entry();
  const Entry part = Entry::leaf(below, block.output(), block.attributes(level));
  const Frame table = spares.take();
  fill(store_.entries(table), geometry_.entries(below), part,
       geometry_.entry_span(below) >> kPageShift);
  const Unit alone{cursor.slots(), 1, level, cursor.start(), cursor.span()};
  break_and_change(alone, Entry::table(table));
  cursor.descend_into(table);
}

/// Makes `edge` the first address of a leaf and of a contiguous group, if it is mapped at all.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::split_at(VirtAddr edge, Spares& spares) {
  Cursor cursor = at(edge);
  cursor.descend();
  if (cursor.kind() != Kind::leaf) return;
  while (cursor.start() != edge) split(cursor, spares);
  const Unit unit = unit_at(cursor, 0, cursor.entry());
  if (unit.start != edge) drop_contiguous(unit);
}

/// How many tables split_at() takes for both edges of `range`.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
usize Mapper<F, Store, T, kSharing>::tables_to_split(VirtRange range) const {
  usize tables = 0;
  u64 first_cut = 0;  // bytes of the largest leaf that the start cuts
  for (const VirtAddr edge : {range.start(), range.end()}) {
    if (!half_.contains(edge)) continue;  // the end of the half cuts nothing
    Cursor cursor = at(edge);
    cursor.descend();
    if (cursor.kind() != Kind::leaf) continue;
    for (Level level = cursor.level(); !edge.is_aligned(geometry_.entry_span(level));
         level = next_level(level)) {
      const u64 span = geometry_.entry_span(level);
      if (edge == range.start() && first_cut == 0) first_cut = span;
      // The end may cut the very leaf that the start cuts, and find it split.
      const bool split_already = edge != range.start() && span <= first_cut &&
                                 !range.start().is_aligned(span) &&
                                 edge.align_down(span) == range.start().align_down(span);
      if (!split_already) ++tables;
    }
  }
  return tables;
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<void> Mapper<F, Store, T, kSharing>::split_edges(VirtRange range) {
  Spares spares(store_);
  for (usize wanted = tables_to_split(range); wanted != 0; --wanted) TRY(spares.add());
  for (const VirtAddr edge : {range.start(), range.end()})
    if (half_.contains(edge)) split_at(edge, spares);
  return {};
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<void> Mapper<F, Store, T, kSharing>::split_block(VirtAddr va, Level level) {
  if (!geometry_.contains(va)) return Error{Errc::not_canonical, va.value()};
  Cursor cursor = at(va);
  cursor.descend();
  if (cursor.kind() != Kind::leaf) return Error{Errc::not_mapped, va.value()};
  Spares spares(store_);
  for (unsigned i = number_of(cursor.level()); i < number_of(level); ++i) TRY(spares.add());
  while (cursor.level() < level) split(cursor, spares);
  return {};
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<void> Mapper<F, Store, T, kSharing>::replace_page(VirtAddr va, Frame frame,
                                                         Attributes attributes) {
  const VirtRange page{va, kPageSize};
  TRY(check_range(page));
  TRY(check_output(frame, 1));
  if (!translate(va).has_value()) return Error{Errc::not_mapped, va.value()};
  TRY(split_edges(page));
  Cursor cursor = at(va);
  cursor.descend();
  attributes.contiguous = false;
  const Unit unit{cursor.slots(), 1, cursor.level(), va, kPageSize};
  Gather owed(store_, tlb_);
  if (replace(unit, Entry::leaf(Level::L3, frame, attributes), tlb_) == Change::in_place)
    owed.invalidate(va, kPageSize, kPageSize);
  return {};
}

}  // namespace meridian
