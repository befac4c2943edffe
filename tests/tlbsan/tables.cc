// SPDX-License-Identifier: MIT
#include "tests/tlbsan/tables.h"

namespace tlbsan {

namespace {

uint64_t start_of(uint64_t word, unsigned level, uint64_t va) {
  const uint64_t index = word >> 3 & 511;
  return (va & ~(span_of(level) - 1)) - index * span_of(level);
}

}  // namespace

bool Tables::knows(uint64_t word, unsigned level, uint64_t va) {
  const Table* const table = find(frame_of(word));
  return table && !table->is_dead && table->level == level &&
         table->va == start_of(word, level, va);
}

Table& Tables::learn(uint64_t word, unsigned level, uint64_t va) {
  Table& table = tables_[frame_of(word)];
  table.frame = frame_of(word);
  table.level = level;
  table.va = start_of(word, level, va);
  table.is_dead = false;
  table.compared = unseen_;
  read_(table.frame, table.words);
  return table;
}

}  // namespace tlbsan
