// SPDX-License-Identifier: MIT
/// What the TLB and the walk caches of one CPU may hold, at worst. An entry stays until an
/// invalidation that names it has completed: there is no eviction, and no entry of another ASID,
/// level or address goes along with it.
#pragma once

#include <unordered_map>

#include "tests/tlbsan/decode.h"
#include "tests/tlbsan/walk.h"

namespace tlbsan {

/// Who executes: a thread of the kernel, and how many of the kernel's own exceptions it is in. An
/// interrupt handler that comes in the middle of something is not the one who does it.
struct Context {
  uint64_t thread = 0;
  unsigned depth = 0;
  friend bool operator==(const Context&, const Context&) = default;
};

/// A store that changed a table.
struct Change {
  unsigned cpu = 0;
  Context by = {};
  uint64_t pc = 0, word = 0, before = 0, after = 0;
  uint64_t number = 0;  // in the order of the run
};

/// A TLBI that was executed.
struct Invalidation {
  Tlbi form;
  uint64_t operand = 0;
  unsigned cpu = 0;
  Context by = {};
};

/// One cached descriptor: a leaf, or a table that a walk went through. The latter is tagged with
/// the ASID whatever half it belongs to (Arm ARM, "TLBI VAE1": an entry "from a level of lookup
/// above the final level" goes only if the ASID matches).
struct Entry {
  uint64_t va = 0;  // the first address it is for
  unsigned level = 0;
  bool is_leaf = false, global = false;
  uint16_t asid = 0;
  uint64_t root = 0;  // of the tables that it was read from
  unsigned first = 0;
  Step path[kLevels];  // from `first` to its own, path[level]
  Rights el1, el0;     // of a leaf
  // Since which store the tables say something else; null while they do not.
  const Change* changed = nullptr;
  uint32_t invalidating = 0;  // the CPUs that have executed a TLBI for it, but no DSB since
  bool reported = false;      // once is enough

  const Step& own() const { return path[level]; }
  uint64_t descriptor() const { return own().descriptor; }
  uint64_t output(uint64_t address) const {
    const uint64_t offset = address & (span_of(level) - 1);
    return (output_of(descriptor()) & ~(span_of(level) - 1)) | offset;
  }
  bool matches(uint16_t current) const { return global || asid == current; }
};

inline bool names_addresses(const Invalidation& invalidation) {
  return invalidation.form.by >= TlbiBy::va_asid;
}
/// Is `va` among the addresses that it names?
bool names(const Invalidation& invalidation, uint64_t va);
/// Does the invalidation name this entry?
bool covers(const Invalidation& invalidation, const Entry& entry);

class Tlb {
 public:
  /// Remembers it, unless it is there already.
  void insert(const Entry& entry);

  /// Calls visit(Entry&) for each entry at `va`, at any level and of any ASID.
  template <typename Visit>
  void for_each_at(uint64_t va, Visit&& visit) {
    for (unsigned level = 0; level < kLevels; ++level) {
      const auto [begin, end] = entries_.equal_range(key(va, level));
      for (auto entry = begin; entry != end; ++entry) visit(entry->second);
    }
  }
  /// For each entry that was read from this word.
  template <typename Visit>
  void for_each_of(uint64_t word, Visit&& visit) {
    const auto [begin, end] = by_word_.equal_range(word);
    for (auto entry = begin; entry != end; ++entry) visit(*entry->second);
  }
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (auto& [key, entry] : entries_) visit(entry);
  }
  /// For each entry that the invalidation names.
  template <typename Visit>
  void for_each_covered(const Invalidation& invalidation, Visit&& visit) {
    const auto if_covered = [&](Entry& entry) {
      if (covers(invalidation, entry)) visit(entry);
    };
    const bool one_address = names_addresses(invalidation) && !invalidation.form.range;
    if (one_address)
      for_each_at(address_of(invalidation.operand), if_covered);
    else
      for_each(if_covered);
  }
  /// Drops the entries for which drop(Entry&) is true, of those that the invalidation names.
  template <typename Drop>
  void remove_covered(const Invalidation& invalidation, Drop&& drop) {
    std::unordered_map<const Entry*, bool> dropped;
    for_each_covered(invalidation, [&](Entry& entry) {
      if (drop(entry)) dropped[&entry] = true;
    });
    for (const auto& [entry, _] : dropped) remove(entry);
  }
  size_t size() const { return entries_.size(); }

  static uint64_t address_of(uint64_t operand) {
    return static_cast<uint64_t>(static_cast<int64_t>(operand << 20) >> 8);
  }

 private:
  static uint64_t key(uint64_t va, unsigned level) { return va >> shift_of(level) << 2 | level; }
  void remove(const Entry* entry);

  std::unordered_multimap<uint64_t, Entry> entries_;
  std::unordered_multimap<uint64_t, Entry*> by_word_;
};

}  // namespace tlbsan
