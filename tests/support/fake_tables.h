// SPDX-License-Identifier: MIT
/// Memory for page tables on the host: a TableStore over an arena that plays physical memory. It
/// can run out on demand, poisons what is freed, refuses to give access to a table that is not
/// allocated, and tells an observer (the model MMU) before a table goes.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include "kernel/lib/result.h"
#include "mm/frame.h"

namespace meridian {

/// The part that does not depend on the entry: who has which table, and its words.
class TableMemory {
 public:
  static constexpr u64 kWords = kPageSize / sizeof(u64);
  static constexpr u64 kPoison = 0xdead'dead'dead'deadu;
  /// The arena's first physical address: anything page aligned.
  static constexpr u64 kBase = 0x4321'0000;

  /// At most `capacity` tables exist at once.
  explicit TableMemory(usize capacity)
      : words_(std::make_unique<u64[]>(capacity * kWords)), used_(capacity) {
    for (usize i = 0; i < capacity; ++i) poison(i);
  }

  Result<Frame> allocate_table() {
    ++attempts_;
    if (attempts_ == fail_at_) {
      ++failures_;
      return Error{Errc::out_of_frames, attempts_};
    }
    // The table freed last comes first, so that whoever still walks to it is caught soon.
    usize i = last_freed_;
    for (usize tried = 0; used_[i]; i = (i + 1) % used_.size())
      if (++tried > used_.size()) return Error{Errc::out_of_frames, attempts_};
    used_[i] = true;
    ++in_use_;
    std::memset(&words_[i * kWords], 0, kPageSize);
    return frame(i);
  }

  void free_table(Frame table) {
    const usize i = index(table.address().value());
    if (on_free) on_free(table.address().value());
    used_[i] = false;
    --in_use_;
    last_freed_ = i;
    poison(i);
  }

  /// The words of the table at physical address `pa`; throws if it is not allocated.
  u64* words(u64 pa) {
    ++accesses_;
    return &words_[index(pa) * kWords];
  }
  const u64* peek(u64 pa) const { return &words_[index(pa) * kWords]; }
  /// How often words() was called.
  u64 accesses() const { return accesses_; }

  /// The number of a table among all that the arena has room for.
  usize index(u64 pa) const {
    if (!is_table(pa)) throw std::logic_error("not an allocated table");
    return (pa - kBase) / kPageSize;
  }
  usize capacity() const { return used_.size(); }
  bool is_table(u64 pa) const {
    return pa >= kBase && (pa - kBase) / kPageSize < used_.size() &&
           used_[(pa - kBase) / kPageSize] && pa % kPageSize == 0;
  }

  usize in_use() const { return in_use_; }

  /// The first `words` words of every table that is allocated, to compare with later.
  std::vector<u64> contents(usize words = kWords) const {
    std::vector<u64> all;
    all.reserve(in_use_ * words);
    for (usize i = 0; i < used_.size(); ++i)
      if (used_[i]) all.insert(all.end(), &words_[i * kWords], &words_[i * kWords] + words);
    return all;
  }

  /// The k-th allocation from now on fails, counting from 1; the others succeed. 0: none fails.
  void fail_allocation(u64 k) { fail_at_ = k == 0 ? 0 : attempts_ + k; }
  /// How many allocations were made to fail so far.
  u64 failures() const { return failures_; }
  u64 attempts() const { return attempts_; }

  /// Hears of each table, by physical address, just before it is freed.
  std::function<void(u64)> on_free;

 private:
  Frame frame(usize i) const { return Frame(PhysAddr(kBase + i * kPageSize)); }
  void poison(usize i) {
    for (usize word = 0; word < kWords; ++word) words_[i * kWords + word] = kPoison;
  }

  std::unique_ptr<u64[]> words_;
  std::vector<bool> used_;
  usize in_use_ = 0, last_freed_ = 0;
  u64 accesses_ = 0, attempts_ = 0, fail_at_ = 0, failures_ = 0;
};

/// A TableStore of `Entry`s.
template <typename Entry>
class FakeTables : public TableMemory {
 public:
  using TableMemory::TableMemory;
  Entry* entries(Frame table) {
    static_assert(sizeof(Entry) == sizeof(u64));
    return reinterpret_cast<Entry*>(words(table.address().value()));
  }
  /// A table that nobody has linked yet, for a root. It never fails.
  Frame new_root() { return allocate_table().take(); }
};

}  // namespace meridian
