// SPDX-License-Identifier: MIT
/// What the mapper does for spaces that are mapped page by page, as programs' are: changes that are
/// decided for each page alone, and copies of many entries at once; included by mapper.h. There are
/// no blocks and no contiguous groups in the ranges, and each change is one of rights.
#pragma once

#include "kernel/lib/self_checks.h"
#include "mm/paging/mapper.h"

namespace meridian {

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename OnPage>
void Mapper<F, Store, T, kSharing>::for_each_page(VirtRange range, OnPage&& on_page) {
  CHECK(check_range(range).has_value());
  for_each_run<F>(geometry_, store_, root_, range, [&](const Cursor& cursor, usize count) {
    return for_each_leaf(cursor, count, on_page);
  });
}

/// Calls `on_page(Entry&, VirtAddr)` for the pages among `count` slots from the cursor on; returns how
/// many it passed, up to the first link to a table.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename OnPage>
usize Mapper<F, Store, T, kSharing>::for_each_leaf(const Cursor& cursor, usize count,
                                                   OnPage&& on_page) {
  Entry* const slots = cursor.slots();
  if (cursor.level() != Level::L3) {
    usize i = 0;
    for (; i < count; ++i) {
      const Kind kind = load_entry(slots[i]).kind(cursor.level());
      CHECK(kind != Kind::leaf);
      if (kind == Kind::table) break;
    }
    return i;
  }
  VirtAddr va = cursor.start();
  for (Entry* slot = slots; slot != slots + count; ++slot, va = va + kPageSize)
    if (load_entry(*slot).kind(Level::L3) == Kind::leaf) on_page(*slot, va);
  return count;
}

/// One range of stale pages for all: what lies between them may be invalidated, too.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename Choose>
void Mapper<F, Store, T, kSharing>::protect_pages(VirtRange range, Gather& owed, Choose&& choose) {
  VirtAddr first = range.end(), last = range.start();
  for_each_page(range, [&](Entry& slot, VirtAddr va) {
    const Entry found = load_entry(slot);
    const Frame frame = found.output();
    const Entry wanted = choose(frame).advanced(frame.number());
    if (wanted.raw() == found.raw()) return;
    if constexpr (kSelfChecks) CHECK(change_between(Level::L3, found, wanted) == Change::in_place);
    store_entry(slot, wanted);
    if (last < first) [[unlikely]]
      first = va;
    last = va;
  });
  if (first <= last) owed.invalidate(first, last - first + kPageSize, kPageSize);
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename Share>
Result<void> Mapper<F, Store, T, kSharing>::copy_pages(VirtRange range, Mapper& to,
                                                       VirtAddr to_start, Share&& share) {
  Result<void> result;
  Entry* target = nullptr;  // where the last copy went; the next page's entry follows it
  VirtAddr target_va;
  for_each_page(range, [&](Entry& slot, VirtAddr va) {
    if (!result.has_value()) return;
    const VirtAddr copy_va = to_start + (va - range.start());
    const bool same_table = target != nullptr && in_one_table(target_va, copy_va);
    if (same_table) {
      target += (copy_va - target_va) >> kPageShift;
    } else {
      const Result<Entry*> reached = to.reach_page(copy_va);
      if (!reached.has_value()) {
        result = reached.error();
        return;
      }
      target = reached.value();
    }
    target_va = copy_va;
    store_entry(*target, share(slot, va));
  });
  return result;
}

/// Do these two pages have their entries in the same last table?
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
