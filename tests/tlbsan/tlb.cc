// SPDX-License-Identifier: MIT
#include "tests/tlbsan/tlb.h"

#include <algorithm>

namespace tlbsan {
namespace {

constexpr uint64_t field(uint64_t word, unsigned high, unsigned low) {
  return word >> low & ((uint64_t{1} << (high - low + 1)) - 1);
}

struct Span {
  uint64_t first, last;
};

/// The addresses that the operand names (Arm ARM C5.5, the TLBI R* instructions for a range).
Span addresses_of(const Invalidation& invalidation) {
  const uint64_t operand = invalidation.operand;
  if (!invalidation.form.range) {
    const uint64_t va = Tlb::address_of(operand);
    return {va, va};
  }
  const uint64_t start = static_cast<uint64_t>(static_cast<int64_t>(operand << 27) >> 15);
  const uint64_t pages = (field(operand, 43, 39) + 1) << (5 * field(operand, 45, 44) + 1);
  return {start, start + (pages << 12) - 1};
}

constexpr uint64_t k4KiB = 0b01;  // in TG and TTL

/// A range is counted in pages of a granule, and TTL names one with the level: an entry of another
/// granule need not go.
bool granule_is_named(const Invalidation& invalidation) {
  const uint64_t granule = field(invalidation.operand, 47, 46);
  return granule == k4KiB || (granule == 0 && !invalidation.form.range);
}

/// TTL says of which level the leaf is; one of another level need not go.
bool level_is_named(const Invalidation& invalidation, unsigned level) {
  const uint64_t operand = invalidation.operand;
  const uint64_t ttl = invalidation.form.range ? field(operand, 38, 37) : field(operand, 45, 44);
  const bool is_given = invalidation.form.range || field(operand, 47, 46) != 0;
  return !is_given || ttl == 0 || ttl == level;
}

bool same_place(const Entry& a, const Entry& b) {
  return a.is_leaf == b.is_leaf && a.global == b.global && (a.global || a.asid == b.asid) &&
         a.root == b.root && std::ranges::equal(a.path, b.path);
}

}  // namespace

bool names(const Invalidation& invalidation, uint64_t va) {
  const Span named = addresses_of(invalidation);
  return named.first <= va && va <= named.last;
}

bool covers(const Invalidation& invalidation, const Entry& entry) {
  const Tlbi& form = invalidation.form;
  const uint16_t asid = Tlb::asid_of(invalidation.operand);
  const bool same_asid = entry.asid == asid && !entry.global;
  if (form.by == TlbiBy::none) return false;
  if (form.by == TlbiBy::everything) return true;
  if (form.by == TlbiBy::asid) return same_asid;

  const Span named = addresses_of(invalidation);
  const uint64_t last = entry.va + span_of(entry.level) - 1;
  if (last < named.first || named.last < entry.va) return false;
  if (!granule_is_named(invalidation)) return false;
  if (entry.is_leaf && !level_is_named(invalidation, entry.level)) return false;
  if (!entry.is_leaf && form.last_level) return false;
  return form.by == TlbiBy::va || same_asid || entry.global;
}

void Tlb::insert(const Entry& entry) {
  const uint64_t place = key_of(entry);
  const auto [begin, end] = entries_.equal_range(place);
  for (auto present = begin; present != end; ++present)
    if (same_place(present->second, entry)) return;
  Entry& kept = entries_.emplace(place, entry)->second;
  by_word_[kept.own().word].insert(&kept);
  for (unsigned level = kept.first; level < kept.level; ++level)
    by_link_[kept.path[level].word].insert(&kept);
  by_tag_[tag_of(kept)].insert(&kept);
}

void Tlb::remove(Entry* entry) {
  erase(by_tag_, tag_of(*entry), entry);
  erase(by_word_, entry->own().word, entry);
  for (unsigned level = entry->first; level < entry->level; ++level)
    erase(by_link_, entry->path[level].word, entry);
  const auto [begin, end] = entries_.equal_range(key_of(*entry));
  entries_.erase(std::find_if(begin, end, [&](auto& item) { return &item.second == entry; }));
}

}  // namespace tlbsan
