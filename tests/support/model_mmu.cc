// SPDX-License-Identifier: MIT
#include "model_mmu.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace meridian::model {
namespace {

std::string hex(u64 value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::string describe(const Leaf& leaf) {
  std::string text = "L" + std::to_string(leaf.level) + " " + hex(leaf.pa);
  text += leaf.el1_write ? " rw" : " ro";
  if (leaf.el1_execute) text += " x";
  if (leaf.el0_read) text += leaf.el0_write ? " user-rw" : " user-ro";
  if (leaf.el0_execute) text += " user-x";
  if (leaf.global) text += " global";
  if (leaf.contiguous) text += " contiguous";
  return text + " memory " + std::to_string(static_cast<int>(leaf.memory));
}

u64 align(u64 n, u64 to) { return n / to * to; }

/// Does a sequence of invalidations, one each `stride` bytes of [va, va + size), name an address in
/// [base, base + span)?
bool names_address_in(u64 va, u64 size, u64 stride, u64 base, u64 span) {
  u64 offset = 0;  // of the first invalidation at or after `base`
  if (base > va) offset = (base - va + stride - 1) / stride * stride;
  return offset < size && va + offset - base < span;
}

}  // namespace

/// One root with what the TLB holds of it.
struct ModelMmu::Space {
  u64 root;
  unsigned asid;
  // By level, then by the first address of what the entry covers.
  std::array<std::map<u64, std::vector<Leaf>>, 4> leaves;
  std::array<std::map<u64, std::vector<u64>>, 4> links;
};

const char* name_of(Fault fault) {
  switch (fault) {
    case Fault::reserved_encoding:
      return "reserved encoding";
    case Fault::conflicting_leaves:
      return "conflicting leaves";
    case Fault::conflicting_links:
      return "conflicting links";
    case Fault::broken_group:
      return "broken contiguous group";
    case Fault::table_reachable:
      return "freed table reachable";
    case Fault::table_shared:
      return "table linked twice";
    case Fault::invalidated_unpublished:
      return "TLBI before publish";
    case Fault::never_published:
      return "never published";
    case Fault::never_finished:
      return "never finished";
  }
  return "?";
}

ModelMmu::ModelMmu(TableMemory& memory, const Decoder& decoder)
    : memory_(memory), decoder_(decoder), tables_(memory.capacity()) {
  memory_.on_free = [this](u64 table) { before_free(table); };
}

ModelMmu::~ModelMmu() { memory_.on_free = nullptr; }

void ModelMmu::report(Fault fault, u64 va, const std::string& text) {
  if (reports_.size() < 20) reports_.push_back({fault, va, text});
}

bool ModelMmu::has(Fault fault) const {
  return std::any_of(reports_.begin(), reports_.end(),
                     [&](const Report& r) { return r.fault == fault; });
}

std::string ModelMmu::text() const {
  std::string all;
  for (const Report& r : reports_)
    all += std::string(name_of(r.fault)) + " at " + hex(r.va) + ": " + r.text + "\n";
  return all;
}

void ModelMmu::add_space(u64 root, unsigned asid) {
  spaces_.push_back(std::make_unique<Space>(Space{root, asid, {}, {}}));
  Space* space = spaces_.back().get();
  place_table(root, {space, decoder_.first_level, decoder_.half_start()});
  look();
  unpublished_additions_ = unpublished_removals_ = 0;
}

void ModelMmu::retire_space(unsigned asid) {
  look();
  for (Table& table : tables_)
    std::erase_if(table.positions, [&](const Position& p) { return p.space->asid == asid; });
  std::erase_if(spaces_, [&](const auto& space) { return space->asid == asid; });
}

Decoded ModelMmu::decode_at(u64 table, unsigned level, unsigned index) const {
  return decoder_.decode(level, memory_.peek(table)[index]);
}

/// Takes in everything that changed in memory since the last look.
void ModelMmu::look() {
  for (Table& table : tables_)
    if (!table.positions.empty()) look_at(table);
  while (!to_look_at_.empty()) {
    Table& table = *to_look_at_.back();
    to_look_at_.pop_back();
    look_at(table);
  }
}

void ModelMmu::look_at(Table& table) {
  const u64* words = memory_.peek(table.pa);
  const unsigned level = table.positions.front().level;
  const unsigned entries = decoder_.entries(level);
  if (std::memcmp(table.seen.data(), words, entries * sizeof(u64)) == 0) return;
  for (unsigned i = 0; i < entries; ++i) {
    const u64 old = std::exchange(table.seen[i], words[i]);
    if (words[i] == old) continue;
    touched_.emplace_back(table.pa, i);
    if (decoder_.decode(level, old).is != Decoded::Is::invalid) ++unpublished_removals_;
    if (decoder_.decode(level, words[i]).is != Decoded::Is::invalid) ++unpublished_additions_;
    for (const Position& position : table.positions) cache_entry(position, table.pa, i);
  }
}

/// A walk can reach the table at `pa` at `position` from now on.
void ModelMmu::place_table(u64 pa, const Position& position) {
  if (!memory_.is_table(pa)) {
    report(Fault::reserved_encoding, position.base, "a link to " + hex(pa) + ", not a table");
    return;
  }
  Table& table = table_at(pa);
  if (!table.positions.empty()) {
    if (table.positions.front() != position)
      report(Fault::table_shared, position.base, hex(pa) + " is also reached at another place");
    return;  // the model goes on as if it were at the first only
  }
  table.pa = pa;
  table.seen.assign(TableMemory::kWords, 0);
  table.positions.push_back(position);
  to_look_at_.push_back(&table);
}

void ModelMmu::cache_entry(const Position& position, u64 table, unsigned index) {
  const u64 base = position.base + index * decoder_.span(position.level);
  const Decoded entry = decode_at(table, position.level, index);
  switch (entry.is) {
    case Decoded::Is::invalid:
      return;
    case Decoded::Is::reserved:
      return report(Fault::reserved_encoding, base, entry.complaint);
    case Decoded::Is::table:
      return cache_link(position, index, entry.table);
    case Decoded::Is::leaf:
      break;
  }
  if (!entry.leaf.accessed) return;  // the access flag fault is not cached, nor is the entry
  cache_leaf(*position.space, base, entry.leaf);
  if (!entry.leaf.contiguous) return;
  // The TLB may hold the group as one entry, made from this member.
  const unsigned group = decoder_.group[position.level];
  const unsigned first = index / group * group;
  for (unsigned i = first; i < first + group; ++i) {
    const Leaf derived = leaf_in_group(position.level, entry.leaf, index, i);
    const Decoded own = decode_at(table, position.level, i);
    if (own.is == Decoded::Is::leaf && own.leaf == derived) continue;  // cached on its own account
    cache_leaf(*position.space, position.base + i * decoder_.span(position.level), derived);
  }
}

Leaf ModelMmu::leaf_in_group(unsigned level, const Leaf& leaf, unsigned from, unsigned to) const {
  Leaf derived = leaf;
  derived.pa = leaf.pa + to * decoder_.span(level) - from * decoder_.span(level);
  return derived;
}

void ModelMmu::cache_link(const Position& position, unsigned index, u64 next) {
  const u64 base = position.base + index * decoder_.span(position.level);
  std::vector<u64>& links = position.space->links[position.level][base];
  if (std::find(links.begin(), links.end(), next) != links.end()) return;
  if (!links.empty())
    report(Fault::conflicting_links, base, hex(links.back()) + " beside " + hex(next));
  links.push_back(next);
  place_table(next, {position.space, position.level + 1, base});
}

void ModelMmu::cache_leaf(Space& space, u64 base, const Leaf& leaf) {
  std::vector<Leaf>& cached = space.leaves[leaf.level][base];
  if (std::find(cached.begin(), cached.end(), leaf) != cached.end()) return;
  check_conflicts(space, base, leaf);
  cached.push_back(leaf);
}

/// Reports every cached translation of the same addresses that may not be held beside `leaf`.
void ModelMmu::check_conflicts(Space& space, u64 base, const Leaf& leaf) {
  auto conflict = [&](const Leaf& other) {
    report(Fault::conflicting_leaves, base, describe(other) + " beside " + describe(leaf));
  };
  for (const Leaf& other : space.leaves[leaf.level][base])
    if (other.pa != leaf.pa || other.memory != leaf.memory || other.global != leaf.global ||
        other.contiguous != leaf.contiguous)
      conflict(other);
  for (unsigned level = 0; level < 4; ++level) {
    if (level == leaf.level) continue;
    auto& others = space.leaves[level];
    const u64 first = align(base, decoder_.span(level));  // base itself, for lower levels
    const u64 last = base + (decoder_.span(leaf.level) - 1);
    for (auto it = others.lower_bound(first); it != others.end() && it->first <= last; ++it)
      for (const Leaf& other : it->second) conflict(other);
  }
}

void ModelMmu::before_free(u64 pa) {
  look();
  Table& table = table_at(pa);
  for (const Position& position : table.positions) {
    report(Fault::table_reachable, position.base,
           hex(pa) + " of level " + std::to_string(position.level));
    // From here on as if it had been invalidated, so that the report is not repeated for ever.
    if (position.level != decoder_.first_level)
      std::erase(position.space->links[position.level - 1][position.base], pa);
  }
  table.positions.clear();
}

void ModelMmu::publish() {
  look();
  unpublished_removals_ = unpublished_additions_ = 0;
}

void ModelMmu::invalidate(Reach reach, unsigned asid, u64 va, u64 size, u64 stride,
                          TlbScope scope) {
  look();
  if (unpublished_removals_ != 0)
    report(Fault::invalidated_unpublished, va, "a walker may still read the old entry afterwards");
  pending_.push_back({false, reach, asid, va, size, stride, scope});
}

void ModelMmu::invalidate_all(Reach reach, unsigned asid) {
  look();
  if (unpublished_removals_ != 0)
    report(Fault::invalidated_unpublished, 0, "a walker may still read the old entry afterwards");
  pending_.push_back({true, reach, asid, 0, 0, 0, TlbScope::all_levels});
}

void ModelMmu::finish() {
  look();
  const std::vector<Invalidation> pending = std::move(pending_);
  pending_.clear();
  for (const Invalidation& invalidation : pending)
    for (auto& space : spaces_) apply(invalidation, *space);
}

void ModelMmu::apply(const Invalidation& invalidation, Space& space) {
  const bool its_own = invalidation.reach == Reach::all_asids || invalidation.asid == space.asid;
  if (its_own && invalidation.scope == TlbScope::all_levels) forget_links(invalidation, space);
  forget_leaves(invalidation, space);
}

/// Forgets the links that the invalidation names, but for those that a walk would find again.
void ModelMmu::forget_links(const Invalidation& invalidation, Space& space) {
  for (unsigned level = decoder_.first_level; level < 3; ++level) {
    const u64 span = decoder_.span(level);
    for (auto& [base, links] : space.links[level]) {
      if (!invalidation.all &&
          !names_address_in(invalidation.va, invalidation.size, invalidation.stride, base, span))
        continue;
      const std::vector<u64> candidates = links;
      for (const u64 table : candidates) {
        bool live = false;
        const unsigned index = static_cast<unsigned>(base / span) % decoder_.entries(level);
        for (const u64 parent : parents(space, level, base)) {
          const Decoded entry = decode_at(parent, level, index);
          live |= entry.is == Decoded::Is::table && entry.table == table;
        }
        if (live) continue;
        std::erase(links, table);
        if (memory_.is_table(table))
          std::erase(table_at(table).positions, Position{&space, level + 1, base});
      }
    }
    std::erase_if(space.links[level], [](const auto& entry) { return entry.second.empty(); });
  }
}

/// Forgets the leaves that the invalidation names, but for those that a walk would find again.
void ModelMmu::forget_leaves(const Invalidation& invalidation, Space& space) {
  const bool its_own = invalidation.reach == Reach::all_asids || invalidation.asid == space.asid;
  for (unsigned level = decoder_.first_level; level <= 3; ++level) {
    auto& leaves = space.leaves[level];
    const u64 span = decoder_.span(level);
    auto it = invalidation.all ? leaves.begin() : leaves.lower_bound(align(invalidation.va, span));
    while (it != leaves.end()) {
      const u64 base = it->first;
      if (!invalidation.all) {
        if (base > invalidation.va + (invalidation.size - 1)) break;
        if (!names_address_in(invalidation.va, invalidation.size, invalidation.stride, base,
                              span)) {
          ++it;
          continue;
        }
      }
      const std::vector<Leaf> live = walkable_leaves(space, level, base);
      std::erase_if(it->second, [&](const Leaf& leaf) {
        // By address, an invalidation also names global entries; by ASID alone, it does not.
        const bool named =
            invalidation.reach == Reach::all_asids
                ? true
                : (invalidation.all ? its_own && !leaf.global : its_own || leaf.global);
        return named && std::find(live.begin(), live.end(), leaf) == live.end();
      });
      it = it->second.empty() ? leaves.erase(it) : std::next(it);
    }
  }
}

/// The tables of `level` through which a walk for `base` may go.
std::vector<u64> ModelMmu::parents(const Space& space, unsigned level, u64 base) const {
  if (level == decoder_.first_level) return {space.root};
  const auto& links = space.links[level - 1];
  const auto found = links.find(align(base, decoder_.span(level - 1)));
  return found == links.end() ? std::vector<u64>{} : found->second;
}

/// The leaves of `level` that a walk for `base` may find now, also as a member of a contiguous
/// group.
std::vector<Leaf> ModelMmu::walkable_leaves(const Space& space, unsigned level, u64 base) {
  std::vector<Leaf> found;
  const unsigned index =
      static_cast<unsigned>(base / decoder_.span(level)) % decoder_.entries(level);
  const unsigned group = decoder_.group[level];
  for (const u64 table : parents(space, level, base)) {
    const Decoded own = decode_at(table, level, index);
    if (own.is == Decoded::Is::leaf && own.leaf.accessed) found.push_back(own.leaf);
    for (unsigned i = index / group * group; i < index / group * group + group; ++i) {
      const Decoded member = decode_at(table, level, i);
      if (member.is == Decoded::Is::leaf && member.leaf.accessed && member.leaf.contiguous)
        found.push_back(leaf_in_group(level, member.leaf, i, index));
    }
  }
  return found;
}

usize ModelMmu::reachable_tables() {
  look();
  return static_cast<usize>(std::count_if(
      tables_.begin(), tables_.end(), [](const Table& table) { return !table.positions.empty(); }));
}

Outcomes ModelMmu::outcomes(unsigned asid, u64 va) {
  if (memory_.accesses() != settled_) look();
  Outcomes outcomes;
  for (const auto& space : spaces_) {
    for (unsigned level = 0; level < 4; ++level) {
      const u64 base = align(va, decoder_.span(level));
      const auto found = space->leaves[level].find(base);
      if (found == space->leaves[level].end()) continue;
      for (const Leaf& leaf : found->second)
        if (space->asid == asid || leaf.global)
          outcomes.hits.push_back({leaf.pa + (va - base), leaf});
    }
    if (space->asid != asid) continue;
    // A walk from the root, through memory as it is.
    u64 table = space->root;
    for (unsigned level = decoder_.first_level;; ++level) {
      const unsigned index =
          static_cast<unsigned>(va / decoder_.span(level)) % decoder_.entries(level);
      const Decoded entry = decode_at(table, level, index);
      if (entry.is == Decoded::Is::table) {
        table = entry.table;
        continue;
      }
      outcomes.may_fault = entry.is != Decoded::Is::leaf || !entry.leaf.accessed;
      break;
    }
  }
  return outcomes;
}

/// The contiguous bit is for whole, aligned groups of equal entries with consecutive outputs.
void ModelMmu::check_group(const Position& position, u64 table, unsigned index) {
  const unsigned group = decoder_.group[position.level];
  const unsigned first = index / group * group;
  const Decoded head = decode_at(table, position.level, first);
  bool any = false, proper = head.is == Decoded::Is::leaf &&
                             head.leaf.pa % (group * decoder_.span(position.level)) == 0;
  for (unsigned i = first; i < first + group; ++i) {
    const Decoded member = decode_at(table, position.level, i);
    if (member.is != Decoded::Is::leaf) {
      proper = false;
      continue;
    }
    any |= member.leaf.contiguous;
    proper = proper && member.leaf == leaf_in_group(position.level, head.leaf, first, i);
  }
  if (any && !proper)
    report(Fault::broken_group, position.base + first * decoder_.span(position.level),
           "level " + std::to_string(position.level));
}

void ModelMmu::end_deferred_operation() {
  look();
  settled_ = memory_.accesses();
  for (const auto& [pa, index] : touched_) {
    if (!memory_.is_table(pa)) continue;
    for (const Position& position : table_at(pa).positions) check_group(position, pa, index);
  }
  touched_.clear();
}

void ModelMmu::end_operation() {
  end_deferred_operation();
  if (unpublished_additions_ + unpublished_removals_ != 0)
    report(Fault::never_published, 0, "stores that no publish() followed");
  if (!pending_.empty()) report(Fault::never_finished, pending_[0].va, "no finish() followed");
  unpublished_removals_ = unpublished_additions_ = 0;
}

}  // namespace meridian::model
