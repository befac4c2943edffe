// SPDX-License-Identifier: MIT
/// What the mapper does for spaces that are mapped page by page, as programs' are: changes that are
/// decided for each page alone, and copies of many entries at once; included by mapper.h. There are
/// no blocks and no contiguous groups in the ranges, and each change is one of rights.
#pragma once

#include "kernel/lib/self_checks.h"
#include "mm/paging/mapper.h"

namespace meridian {

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename OnSlots>
void Mapper<F, Store, T, kSharing>::for_each_last_table(VirtRange range, OnSlots&& on_slots) {
  CHECK(is_valid(range));
  for_each_run<F>(geometry_, store_, root_, range, [&](const Cursor& cursor, usize count) {
    if (cursor.level() != Level::L3) return count_invalid(cursor, count);
    on_slots(std::span<Entry>(cursor.slots(), count), cursor.start());
    return count;
  });
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename OnPage>
void Mapper<F, Store, T, kSharing>::for_each_page(VirtRange range, OnPage&& on_page) {
  for_each_last_table(range, [&](std::span<Entry> slots, VirtAddr va) {
    for (Entry& slot : slots) {
      const Entry found = load_entry(slot);
      if (found.kind(Level::L3) == Kind::leaf) on_page(found, va);
      va = va + kPageSize;
    }
  });
}

/// How many of `count` slots from the cursor on, above the last level, are invalid, up to the first
/// link to a table.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
usize Mapper<F, Store, T, kSharing>::count_invalid(const Cursor& cursor, usize count) {
  for (usize i = 0; i < count; ++i) {
    const Kind kind = load_entry(cursor.slots()[i]).kind(cursor.level());
    CHECK(kind != Kind::leaf);
    if (kind == Kind::table) return i;
  }
  return count;
}

/// Calls `on_leaf(Entry& slot, Entry found)` for the pages among slots of the last level, of which those
/// that are not mapped are 0.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename OnLeaf>
void Mapper<F, Store, T, kSharing>::for_each_leaf(std::span<Entry> slots, OnLeaf&& on_leaf) {
#pragma GCC unroll 4
  for (Entry& slot : slots) {
    const Entry found = load_entry(slot);
    if (found.raw() == 0) continue;
    if constexpr (kSelfChecks) CHECK(found.kind(Level::L3) == Kind::leaf);
    on_leaf(slot, found);
  }
}

/// One range of stale pages for each table: what lies between them may be invalidated, too. Pages
/// that are not mapped have 0 for an entry.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename Choose>
void Mapper<F, Store, T, kSharing>::protect_pages(VirtRange range, Gather& owed, Choose&& choose) {
  for_each_last_table(range, [&](std::span<Entry> slots, VirtAddr va) {
    Entry* first = slots.data();
    Entry* const end = first + slots.size();
    while (first != end && load_entry(*first).raw() == 0) ++first;
    if (first == end) return;
    Entry* last = first;
#pragma GCC unroll 2
    for (Entry* slot = first; slot != end; ++slot) {
      const Entry found = load_entry(*slot);
      if (found.raw() == 0) continue;
      const Frame frame = found.output();
      const Entry wanted = choose(frame).advanced(frame.number());
      if constexpr (kSelfChecks)
        CHECK(change_between(Level::L3, found, wanted) != Change::break_first);
      store_entry(*slot, wanted);
      last = slot;
    }
    const u64 before = static_cast<u64>(first - slots.data());
    const u64 pages = static_cast<u64>(last - first) + 1;
    owed.invalidate(va + before * kPageSize, pages * kPageSize, kPageSize);
  });
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<void> Mapper<F, Store, T, kSharing>::copy_pages(VirtRange range, Mapper& to,
                                                       VirtAddr to_start) {
  Result<void> result;
  NearSlots copies(to);
  for_each_page(range, [&](Entry found, VirtAddr va) {
    if (!result.has_value()) return;
    const Result<Entry*> copy = copies.reach(to_start + (va - range.start()));
    if (!copy.has_value()) return void(result = copy.error());
    store_entry(*copy.value(), found);
  });
  return result;
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
bool Mapper<F, Store, T, kSharing>::in_one_table(VirtAddr a, VirtAddr b) {
  constexpr u64 kTableSpan = kPageSize * (kPageSize / sizeof(Entry));
  return a.align_down(kTableSpan) == b.align_down(kTableSpan);
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
auto Mapper<F, Store, T, kSharing>::find_page(VirtAddr va) const -> Entry* {
  Cursor cursor = at(va);
  cursor.descend();
  return cursor.level() == Level::L3 ? cursor.slots() : nullptr;
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
auto Mapper<F, Store, T, kSharing>::reach_page(VirtAddr va) -> Result<Entry*> {
  Cursor cursor = at(va);
  cursor.descend();
  Spares spares(store_);
  for (unsigned level = number_of(cursor.level()); level != number_of(Level::L3); ++level)
    TRY(spares.add());
  while (cursor.level() != Level::L3) cursor.template descend_into_new<kSharing>(spares);
  CHECK(cursor.kind() == Kind::invalid);
  return cursor.slots();
}

}  // namespace meridian
