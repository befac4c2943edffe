// SPDX-License-Identifier: MIT
/// What a store to a table does: entries that some CPU may hold become stale, and a change that
/// needs break-before-make is looked at.
#include "tests/tlbsan/model.h"

namespace tlbsan {
namespace {

/// Why a TLB that holds both descriptors may do anything (Arm ARM D8.14.1, "Using
/// break-before-make when updating translation table entries"); null if it may hold both.
const char* conflict(uint64_t before, uint64_t after, unsigned level) {
  const Meaning old = meaning_of(before, level), wanted = meaning_of(after, level);
  if (old == Meaning::invalid || wanted == Meaning::invalid) return nullptr;
  const uint64_t changed = before ^ after;
  if (old != wanted) return "another size";
  if (output_of(changed)) return old == Meaning::table ? "another table" : "another output address";
  if (old == Meaning::table) return nullptr;
  if (changed & (0b111 << 2 | 0b11 << 8)) return "another memory type";
  if (changed >> 52 & 1) return "another contiguous hint";
  if (changed >> 11 & 1) return "global and not";
  return nullptr;
}

}  // namespace

void Model::learn_tables(const Walk& w, uint64_t va) {
  if (!w.reached) return;
  Cpu* const only = cpus_.size() == 1 ? &cpus_[0] : nullptr;
  for (unsigned level = w.first; level <= w.last; ++level) {
    const uint64_t word = w.steps[level].word;
    if (!tables_.knows(word, level, va)) {
      tables_.learn(word, level, va);
      forget_known();  // stores there were no concern until now
      continue;
    }
    tables_.compare_if_unseen(
        *tables_.find(frame_of(word)),
        [&](Table& its, unsigned index, uint64_t before) { change(only, 0, its, index, before); });
  }
}

void Model::store(Cpu& cpu, uint64_t pa, unsigned size, uint64_t pc) {
  Table* const table = tables_.find(frame_of(pa));
  if (table == nullptr) return;
  const unsigned first = pa >> 3 & 511, last = (pa + size - 1) >> 3 & 511;
  tables_.compare(
      *table, first, last - first + 1,
      [&](Table& its, unsigned index, uint64_t before) { change(&cpu, pc, its, index, before); });
  if (table->is_dead) tables_.forget(frame_of(pa));
}

/// `cpu` is null if it is not known which one it was.
void Model::change(Cpu* cpu, uint64_t pc, Table& table, unsigned index, uint64_t before) {
  if (table.is_dead) return;
  const unsigned number = cpu ? cpu->number : static_cast<unsigned>(cpus_.size());
  const Change& c =
      changes_.emplace_back(Change{number, cpu ? cpu->context : Context(), pc, table.word_of(index),
                                   before, table.words[index], changes_.size() + 1});
  const bool cached = update_entries(table, c);
  check_freed(table, index, c);
  if (!cached && !is_reachable(table)) {
    table.is_dead = true;
    return;
  }
  ++reporter_.counts.table_stores;
  check_break(table, index, c);
  const bool was_global =
      meaning_of(c.before, table.level) == Meaning::leaf && !(c.before >> 11 & 1);
  if (cpu) cpu->pending.push_back({&c, table.va_of(index), was_global, false});
  forget_known();
}

/// True if some CPU may hold something that was read from this word, or through it.
bool Model::update_entries(const Table& table, const Change& c) {
  bool found = false;
  const bool unlinks = meaning_of(c.before, table.level) == Meaning::table;
  for (Cpu& cpu : cpus_) {
    const auto update = [&](Entry& entry) {
      found = true;
      update_entry(entry, c);
    };
    cpu.tlb.for_each_of(c.word, update);
    if (unlinks) cpu.tlb.for_each_through(c.word, update);
  }
  return found;
}

void Model::update_entry(Entry& entry, const Change& c) {
  bool fresh = true;
  for (unsigned level = entry.first; level <= entry.level; ++level)
    fresh &= read_(entry.path[level].word) == entry.path[level].descriptor;
  if (fresh)
    entry.changed = nullptr;
  else if (entry.changed == nullptr)
    entry.changed = &c;
  const bool own = entry.own().word == c.word;
  if (own && !fresh && !entry.is_leaf) unlinked_.insert(frame_of(output_of(entry.descriptor())));
}

void Model::check_break(const Table& table, unsigned index, const Change& c) {
  const auto report = [&](uint64_t cached, uint16_t asid, const Change& change, const char* what) {
    reporter_.add({.kind = Kind::no_break_before_make,
                   .cpu = c.cpu,
                   .el = 1,
                   .pc = c.pc,
                   .va = table.va_of(index),
                   .asid = asid,
                   .access = "store",
                   .what = what,
                   .cached = cached,
                   .now = c.after,
                   .change = &change,
                   .missing = "break-before-make"});
  };
  if (const char* what = conflict(c.before, c.after, table.level))
    return report(c.before, 0, c, what);
  for (Cpu& cpu : cpus_)
    cpu.tlb.for_each_of(c.word, [&](Entry& entry) {
      const char* const what = conflict(entry.descriptor(), c.after, table.level);
      if (what == nullptr || entry.reported) return;
      entry.reported = true;
      report(entry.descriptor(), entry.asid, entry.changed ? *entry.changed : c, what);
    });
}

/// A table that is not linked any more, but that a cached walk leads to, is being used anew.
void Model::check_freed(const Table& table, unsigned index, const Change& c) {
  if (!unlinked_.contains(table.frame)) return;
  bool reachable = false;
  for (Cpu& cpu : cpus_)
    cpu.tlb.for_each([&](Entry& entry) {
      const bool leads_here =
          !entry.is_leaf && entry.changed && frame_of(output_of(entry.descriptor())) == table.frame;
      if (!leads_here || entry.own().word == c.word) return;
      reachable = true;
      if (entry.reported) return;
      entry.reported = true;
      reporter_.add({.kind = Kind::freed_table,
                     .cpu = c.cpu,
                     .el = 1,
                     .pc = c.pc,
                     .va = table.va_of(index),
                     .asid = entry.asid,
                     .access = "store",
                     .what = "a table that a cached walk leads to",
                     .cached = entry.descriptor(),
                     .now = read_(entry.own().word),
                     .change = entry.changed,
                     .missing = missing_for(entry)});
    });
  if (!reachable) unlinked_.erase(table.frame);
}

/// Does some CPU translate with it?
bool Model::is_reachable(const Table& table) const {
  for (const Cpu& cpu : cpus_) {
    if (!cpu.regime.mmu_is_on()) continue;
    const Walk w = walk(cpu.regime, table.va, read_);
    if (w.reached && table.level >= w.first && table.level <= w.last &&
        frame_of(w.steps[table.level].word) == table.frame)
      return true;
  }
  return false;
}

void Model::forget_known() {
  for (Cpu& cpu : cpus_) ++cpu.generation;
}

}  // namespace tlbsan
