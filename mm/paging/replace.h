// SPDX-License-Identifier: MIT
/// The one place that changes a valid entry into another valid entry. It knows which changes a TLB
/// tolerates and which need break-before-make: the old entry made invalid, published and
/// invalidated on every CPU, before the new one is written (Arm ARM, "Using break-before-make when
/// updating translation table entries").
#pragma once

#include "kernel/lib/seeded_bugs.h"
#include "mm/paging/entry.h"
#include "mm/range.h"

namespace meridian {

enum class Change : u8 {
  none,         // the same mapping
  in_place,     // rights only: until the invalidation a CPU uses either the old or the new ones
  break_first,  // a CPU that held both would do anything at all
};

/// What it takes to turn `from`, a leaf of `level`, into the valid entry `to`.
template <typename Entry>
constexpr Change change_between(Level level, Entry from, Entry to) {
  if (from.raw() == to.raw()) return Change::none;
  if (to.kind(level) != Kind::leaf) return Change::break_first;  // another size
  const Attributes old = from.attributes(level), wanted = to.attributes(level);
  const bool same_place = from.output() == to.output() || seeded(Bug::output_changed_in_place);
  const bool same_memory = (old.type == wanted.type && old.global == wanted.global) ||
                           seeded(Bug::type_changed_in_place);
  const bool same_size =
      old.contiguous == wanted.contiguous || seeded(Bug::contiguous_dropped_in_place);
  return same_place && same_memory && same_size ? Change::in_place : Change::break_first;
}

/// What a TLB may hold as one entry: one leaf, or a contiguous group of them. It maps `span` bytes
/// an entry, from `start` on.
template <typename Entry>
struct LeafUnit {
  Entry* slots;
  usize count;
  Level level;
  VirtAddr start;
  u64 span;

  /// The unit's i-th entry when `first` is its first: a leaf's output moves on with it.
  Entry nth(Entry first, usize i) const {
    return i == 0 ? first : first.advanced(i * (span >> kPageShift));
  }
};

/// Makes the unit invalid on every CPU. The caller then writes what comes in its place and
/// publishes it. The addresses fault in between: they must not be the ones that this code, its
/// stack or the tables are reached through.
template <typename Entry, Tlb T>
[[gnu::always_inline]] inline void break_unit(const LeafUnit<Entry>& unit, T& tlb) {
  if (seeded(Bug::no_break)) return;
  for (usize i = 0; i < unit.count; ++i) store_entry(unit.slots[i], Entry());
  if (!seeded(Bug::break_without_dsb)) tlb.publish();
  // Above L3 the new entry may be a table: forget everything that a walk could have kept.
  const TlbScope scope = unit.level == Level::L3 ? TlbScope::leaf_only : TlbScope::all_levels;
  if (!seeded(Bug::break_without_tlbi))
    tlb.invalidate(unit.start, unit.count * unit.span, unit.span, scope);
  tlb.finish();
}

/// Changes the whole unit, whose first entry becomes `wanted`: a leaf, or for a single entry a
/// table whose own entries are written already. After Change::in_place the caller still owes an
/// invalidation of the unit; any other change is complete.
template <typename Entry, Tlb T>
[[nodiscard]] Change replace(const LeafUnit<Entry>& unit, Entry wanted, T& tlb) {
  const Change change = change_between(unit.level, load_entry(unit.slots[0]), wanted);
  if (change == Change::none) return change;
  if (change == Change::break_first) break_unit(unit, tlb);
  for (usize i = 0; i < unit.count; ++i) store_entry(unit.slots[i], unit.nth(wanted, i));
  if (change == Change::break_first) tlb.publish();
  return change;
}

/// Gives leaf after leaf of one level the same attributes. Neighbours are mostly alike, so it keeps
/// what it found out about the last kind of leaf that it met.
template <typename Entry>
class AttributeChange {
 public:
  AttributeChange(Level level, const Attributes& wanted) : level_(level), wanted_(wanted) {}

  /// What it takes to change `leaf`.
  Change decide(Entry leaf) {
    const Entry alike = leaf.with_output(Frame());
    if (alike.raw() != met_.raw()) {
      met_ = alike;
      wanted_.contiguous = alike.attributes(level_).contiguous;
      target_ = Entry::leaf(level_, Frame(), wanted_);
      change_ = change_between(level_, met_, target_);
    }
    return change_;
  }
  /// `leaf`, about which decide() was asked last, with the attributes wanted.
  Entry changed(Entry leaf) const { return target_.advanced(leaf.output().number()); }

  /// Makes a change that decide() allows in place; the caller owes the invalidation.
  void write_in_place(Entry& slot, Entry leaf) const { store_entry(slot, changed(leaf)); }

 private:
  Level level_;
  Attributes wanted_;
  Entry met_{}, target_{};  // without outputs
  Change change_ = Change::none;
};

}  // namespace meridian
