// SPDX-License-Identifier: MIT
/// Tables taken in advance: an operation first counts what it will need and takes it, so that from
/// then on nothing can fail and nothing has to be undone. What is left over goes back.
#pragma once

#include "mm/paging/entry.h"

namespace meridian {

/// A stack of zeroed tables that nothing links to; the stack's own links are in their first
/// entries.
template <typename Entry, TableStore<Entry> Store>
class SpareTables {
 public:
  explicit SpareTables(Store& store) : store_(store) {}
  ~SpareTables() {
    while (count_ != 0) store_.free_table(take());
  }
  SpareTables(const SpareTables&) = delete;
  SpareTables& operator=(const SpareTables&) = delete;

  /// Takes one more from the store.
  Result<void> add() {
    put(TRY(store_.allocate_table()));
    return {};
  }
  /// A zeroed table; CHECKs that there is one.
  Frame take() {
    CHECK(count_ != 0);
    const Frame table = top_;
    Entry& first = *store_.entries(table);
    top_ = Frame::from_number(first.raw());
    first = Entry();
    --count_;
    return table;
  }
  /// Keeps a zeroed table for later.
  void put(Frame table) {
    *store_.entries(table) = Entry(top_.number());
    top_ = table;
    ++count_;
  }

 private:
  Store& store_;
  Frame top_;
  usize count_ = 0;
};

}  // namespace meridian
