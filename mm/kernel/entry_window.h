// SPDX-License-Identifier: MIT
/// The L3 entries of a window of pages that is filled and emptied all the time: found by
/// arithmetic, because tables of the kernel half stay linked for ever.
#pragma once

#include <array>

#include "mm/kernel/kernel_tables.h"

namespace meridian {

template <typename Tables, u64 kPages>
class EntryWindow {
 public:
  using Entry = typename Tables::Entry;

  /// The window's pages begin at `first`; tables that are missing are added. Errc::out_of_frames;
  /// then it may be called again.
  Result<void> start(Tables& tables, VirtAddr first) {
    skipped_ = kTableEntries - Tables::pages_in_table(first);
    const u64 end = skipped_ + kPages;  // in entries: an address may wrap here
    for (u64 at = skipped_; at < end; at = align_down(at, kTableEntries) + kTableEntries) {
      Entry* const entry = TRY(tables.reach(first + (at - skipped_) * kPageSize, Level::L3));
      tables_[at / kTableEntries] = entry - at % kTableEntries;
    }
    first_ = first;
    return {};
  }

  VirtAddr address(u64 page) const { return first_ + page * kPageSize; }
  Entry& operator[](u64 page) const {
    const u64 at = skipped_ + page;
    return tables_[at / kTableEntries][at % kTableEntries];
  }

 private:
  static constexpr u64 kTableEntries = Tables::kTableEntries;
  /// The first page may be the last one of its table.
  static constexpr usize kMostTables = (kPages + kTableEntries - 2) / kTableEntries + 1;

  std::array<Entry*, kMostTables> tables_{};
  VirtAddr first_;
  u64 skipped_ = 0;  // entries of the first table that lie before the window
};

}  // namespace meridian
