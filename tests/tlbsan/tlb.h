// SPDX-License-Identifier: MIT
/// What the TLB and the walk caches of one CPU may hold, at worst. An entry stays until an
/// invalidation that names it has completed: there is no eviction, and no entry of another ASID,
/// level or address goes along with it.
#pragma once

#include <unordered_map>
#include <unordered_set>

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

  /// Calls visit(Entry&) for each entry at `va`, at any level, that is global or of this ASID.
  template <typename Visit>
  void for_each_at(uint64_t va, uint16_t asid, Visit&& visit) {
    for_each_tagged(va, kGlobal, visit);
    for_each_tagged(va, asid, visit);
  }
  /// For each entry that was read from this word.
  template <typename Visit>
  void for_each_of(uint64_t word, Visit&& visit) {
    visit_all(by_word_, word, visit);
  }
  /// For each entry that was read through this word, a link to a table.
  template <typename Visit>
  void for_each_through(uint64_t word, Visit&& visit) {
    visit_all(by_link_, word, visit);
  }
  /// For each entry of the ASID that is not global.
  template <typename Visit>
  void for_each_of_asid(uint16_t asid, Visit&& visit) {
    visit_all(by_tag_, uint32_t{asid}, visit);
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
    const uint16_t asid = asid_of(invalidation.operand);
    if (invalidation.form.by == TlbiBy::asid) return for_each_of_asid(asid, if_covered);
    const bool one_address = names_addresses(invalidation) && !invalidation.form.range;
    if (!one_address) return for_each(if_covered);
    const uint64_t va = address_of(invalidation.operand);
    if (invalidation.form.by == TlbiBy::va_asid) return for_each_at(va, asid, if_covered);
    for (const auto& [tag, _] : by_tag_) for_each_tagged(va, tag, if_covered);
  }
  /// Drops the entries for which drop(Entry&) is true, of those that the invalidation names.
  template <typename Drop>
  void remove_covered(const Invalidation& invalidation, Drop&& drop) {
    std::unordered_set<Entry*> dropped;
    for_each_covered(invalidation, [&](Entry& entry) {
      if (drop(entry)) dropped.insert(&entry);
    });
    for (Entry* const entry : dropped) remove(entry);
  }
  size_t size() const { return entries_.size(); }

  static uint64_t address_of(uint64_t operand) {
    return static_cast<uint64_t>(static_cast<int64_t>(operand << 20) >> 8);
  }
  static uint16_t asid_of(uint64_t operand) { return static_cast<uint16_t>(operand >> 48); }

 private:
  // Entries are found by address, level and tag: an ASID, or this. Programs use the same addresses.
  static constexpr uint32_t kGlobal = 1 << 16;
  static uint32_t tag_of(const Entry& entry) { return entry.global ? kGlobal : entry.asid; }
  static uint64_t key(uint64_t va, unsigned level, uint32_t tag) {
    return (va << 8 >> 8 >> shift_of(level)) << 19 | uint64_t{tag} << 2 | level;
  }
  static uint64_t key_of(const Entry& entry) { return key(entry.va, entry.level, tag_of(entry)); }
  template <typename Visit>
  void for_each_tagged(uint64_t va, uint32_t tag, Visit& visit) {
    for (unsigned level = 0; level < kLevels; ++level) {
      const auto [begin, end] = entries_.equal_range(key(va, level, tag));
      for (auto entry = begin; entry != end; ++entry) visit(entry->second);
    }
  }
  /// What many have in common, be it a table's word that all programs walk through or an ASID.
  template <typename Key>
  using Index = std::unordered_map<Key, std::unordered_set<Entry*>>;
  template <typename Key, typename Visit>
  static void visit_all(const Index<Key>& index, Key key, Visit& visit) {
    const auto found = index.find(key);
    if (found == index.end()) return;
    for (Entry* const entry : found->second) visit(*entry);
  }
  template <typename Key>
  static void erase(Index<Key>& index, Key key, Entry* entry) {
    const auto found = index.find(key);
    if (found == index.end()) return;  // a table that is linked in itself: the same word twice
    found->second.erase(entry);
    if (found->second.empty()) index.erase(found);
  }
  void remove(Entry* entry);

  std::unordered_multimap<uint64_t, Entry> entries_;
  Index<uint64_t> by_word_;  // their own
  Index<uint64_t> by_link_;  // the words above it
  Index<uint32_t> by_tag_;
};

}  // namespace tlbsan
