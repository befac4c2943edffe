// SPDX-License-Identifier: MIT
/// The frames that walks have found tables in, with what each word of them said last, so that a
/// store shows what it changed.
#pragma once

#include <array>
#include <functional>
#include <unordered_map>

#include "tests/tlbsan/walk.h"

namespace tlbsan {

constexpr uint64_t frame_of(uint64_t pa) { return pa >> 12; }

struct Table {
  using Words = std::array<uint64_t, 512>;

  uint64_t frame = 0;
  unsigned level = 0;
  uint64_t va = 0;  // that its first word is for
  Words words{};
  bool is_dead = false;   // nobody can walk through it; its frame has another use by now
  uint64_t compared = 0;  // Tables::unseen_ when it was last compared as a whole

  uint64_t va_of(unsigned index) const { return va + index * span_of(level); }
  uint64_t word_of(unsigned index) const { return (frame << 12) + 8 * index; }
};

using ReadFrame = std::function<void(uint64_t frame, Table::Words&)>;

class Tables {
 public:
  explicit Tables(ReadFrame read) : read_(std::move(read)) {}

  Table* find(uint64_t frame) {
    const auto found = tables_.find(frame);
    return found == tables_.end() ? nullptr : &found->second;
  }
  bool knows(uint64_t word, unsigned level, uint64_t va);
  /// The table that `word`, read for `va`, is part of; its contents are read if it is new.
  Table& learn(uint64_t word, unsigned level, uint64_t va);
  void forget(uint64_t frame) { tables_.erase(frame); }

  /// Something was stored in a way that no callback tells of: DC ZVA.
  void store_unseen() { ++unseen_; }

  /// Calls changed(Table&, index, before) for each of `count` words from `index` on that differs
  /// from memory, which it then takes over.
  template <typename Changed>
  void compare(Table& table, unsigned index, unsigned count, Changed&& changed) {
    Table::Words now;
    read_(table.frame, now);
    for (const unsigned end = index + count; index != end; ++index) {
      const uint64_t before = table.words[index];
      if (before == now[index]) continue;
      table.words[index] = now[index];
      changed(table, index, before);
    }
  }
  /// The same for all words, if some may have changed unseen.
  template <typename Changed>
  void compare_if_unseen(Table& table, Changed&& changed) {
    if (table.compared == unseen_) return;
    table.compared = unseen_;
    compare(table, 0, 512, changed);
  }

 private:
  ReadFrame read_;
  uint64_t unseen_ = 0;
  std::unordered_map<uint64_t, Table> tables_;
};

}  // namespace tlbsan
