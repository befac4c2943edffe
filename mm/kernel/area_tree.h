// SPDX-License-Identifier: MIT
/// A balanced tree of areas of one address space, ordered by address, that also knows its gaps:
/// each node keeps the gap before it and the largest such gap in its subtree, so the lowest (or
/// highest) hole of a wanted size is found in O(log n), and removing an area merges the holes
/// around it by itself. Each node also knows its neighbours, so that going on to the next area, or
/// putting one beside another, takes no search. Nodes live inside the areas: the tree never
/// allocates, so removing cannot fail.
///
/// Invariants: areas do not overlap and lie within the bounds; the heights of two siblings differ
/// by at most one (AVL); each node's gap and largest gap are exact. The caller holds a lock.
#pragma once

#include "kernel/lib/result.h"
#include "mm/range.h"

namespace meridian {

/// What an area inherits to be in a tree. Neither address may change while it is in one.
class AreaNode {
 public:
  constexpr AreaNode() = default;
  constexpr AreaNode(u64 start, u64 size) : start_(start), size_(size) {}

  constexpr u64 start_value() const { return start_; }
  constexpr u64 end_value() const { return start_ + size_; }
  constexpr u64 size() const { return size_; }

 protected:
  /// Lies at other addresses from now on; it must be in no tree.
  constexpr void place(u64 start, u64 size) { start_ = start, size_ = size; }

 private:
  friend class RawAreaTree;
  friend class AreaTreeInspector;  // the tests' own judge of the invariants

  u64 start_ = 0, size_ = 0;
  u64 gap_ = 0;          // free bytes between the previous area (or the lower bound) and this one
  u64 largest_gap_ = 0;  // of this node and everything below it
  u64 height_ = 0;
  AreaNode* parent_ = nullptr;
  AreaNode* child_[2] = {nullptr, nullptr};      // lower, higher
  AreaNode* neighbour_[2] = {nullptr, nullptr};  // in order of addresses
};

/// The tree on plain numbers; AreaTree gives it types.
class RawAreaTree {
 public:
  /// A wanted hole: `size` bytes, starting at a multiple of `alignment` (a power of two), inside
  /// [low, high).
  struct Hole {
    u64 size, alignment, low, high;
  };
  /// Where it was found: from `start` on, in the gap below `above` (null: behind the last area).
  struct Room {
    u64 start;
    AreaNode* above;
  };

  /// Areas lie in [low, high).
  constexpr RawAreaTree(u64 low, u64 high) : low_(low), high_(high), tail_(low) {}

  void insert(AreaNode& area) { hang(area, search_ending_after(area.start_)); }
  void insert_below(AreaNode* above, AreaNode& area) { hang(area, above); }
  void remove(AreaNode& area);
  /// Is empty from now on; returns the lowest area, from which the others are reached by next().
  AreaNode* let_go();
  void resize(AreaNode& area, u64 start, u64 size);
  AreaNode* first_ending_after(u64 address) const {
    // Whoever asks for an area often asks for it, or for what is behind it, again.
    if (recent_ != nullptr && address - recent_->start_ < recent_->size_) return recent_;
    return search_ending_after(address);
  }
  static AreaNode* next(const AreaNode& area) { return area.neighbour_[1]; }
  static AreaNode* previous(const AreaNode& area) { return area.neighbour_[0]; }
  AreaNode* last() const { return last_; }
  Result<Room> lowest_hole(const Hole& wanted) const;
  Result<Room> highest_hole(const Hole& wanted) const;

  constexpr u64 low() const { return low_; }
  constexpr u64 high() const { return high_; }
  constexpr usize count() const { return count_; }

 private:
  friend class AreaTreeInspector;
  struct Search;

  template <typename Find>
  Result<Room> find_hole(const Hole& wanted, Find&& find) const;
  static u64 height(const AreaNode* n) { return n == nullptr ? 0 : n->height_; }
  static void refresh(AreaNode& n);
  AreaNode* search_ending_after(u64 address) const;
  void hang(AreaNode& area, AreaNode* after);
  void link_neighbours(AreaNode* before, AreaNode* after);
  AreaNode*& link_to(AreaNode& n);
  void replace(AreaNode& n, AreaNode* by);
  AreaNode& rotate(AreaNode& n, unsigned towards);
  AreaNode& rebalance(AreaNode& n);
  void rebalance_up(AreaNode* n, const AreaNode* changed);
  AreaNode* unlink(AreaNode& n);

  AreaNode* root_ = nullptr;
  AreaNode* last_ = nullptr;
  mutable AreaNode* recent_ = nullptr;  // found or put there last
  u64 low_, high_;
  u64 tail_;  // where the gap after the last area begins
  usize count_ = 0;
};

/// A tree of T (derived from AreaNode) over addresses of type A.
template <typename T, typename A = VirtAddr>
class AreaTree {
 public:
  /// Every area lies in `bounds`, which must not end at 2^64.
  constexpr explicit AreaTree(Range<A> bounds)
      : raw_(bounds.start().value(), bounds.end().value()) {}

  /// Puts `area` into the tree. CHECKs that it is not empty, in bounds and overlaps no other.
  void insert(T& area) { raw_.insert(area); }
  /// The same for an area right below `above` (null: behind the last one): no search.
  void insert_below(T* above, T& area) { raw_.insert_below(above, area); }
  /// Takes `area`, which is in this tree, out of it.
  void remove(T& area) { raw_.remove(area); }
  /// Takes all out; `on_area(T&)` hears of each, lowest first, and may destroy it.
  template <typename OnArea>
  void clear(OnArea&& on_area) {
    for (AreaNode* area = raw_.let_go(); area != nullptr;) {
      AreaNode* const after = RawAreaTree::next(*area);
      on_area(static_cast<T&>(*area));
      area = after;
    }
  }
  /// Moves the ends of `area`, which stays between its neighbours.
  void resize(T& area, Range<A> to) { raw_.resize(area, to.start().value(), to.size()); }

  /// The area that holds `a`, or null.
  T* containing(A a) const {
    T* found = first_ending_after(a);
    return found != nullptr && found->start_value() <= a.value() ? found : nullptr;
  }
  /// The lowest area whose end is above `a` (so it holds `a` or lies above it), or null.
  T* first_ending_after(A a) const { return static_cast<T*>(raw_.first_ending_after(a.value())); }
  T* first() const { return first_ending_after(A(raw_.low())); }
  T* last() const { return static_cast<T*>(raw_.last()); }
  /// The area after `area` in address order, or null.
  static T* next(const T& area) { return static_cast<T*>(RawAreaTree::next(area)); }

  /// The area before `area`, or null.
  static T* previous(const T& area) { return static_cast<T*>(RawAreaTree::previous(area)); }

  /// A place for a new area, and what it lies right below, for insert_below().
  struct Room {
    A start;
    T* above;
  };
  /// Where `size` bytes fit, aligned, inside `within`: the lowest hole that is large enough
  /// wherever its start falls, else the lowest that happens to fit. `alignment` is a power of two.
  /// Errc::out_of_address_space if there is none.
  Result<Room> lowest_hole(u64 size, u64 alignment, Range<A> within) const {
    return room(raw_.lowest_hole(hole(size, alignment, within)));
  }
  /// The same from the top: the highest address in the highest such hole.
  Result<Room> highest_hole(u64 size, u64 alignment, Range<A> within) const {
    return room(raw_.highest_hole(hole(size, alignment, within)));
  }

  constexpr Range<A> bounds() const { return Range<A>::between(A(raw_.low()), A(raw_.high())); }
  constexpr usize count() const { return raw_.count(); }

 private:
  friend class AreaTreeInspector;

  static RawAreaTree::Hole hole(u64 size, u64 alignment, Range<A> within) {
    return {size, alignment, within.start().value(), within.end().value()};
  }
  static Result<Room> room(const Result<RawAreaTree::Room>& found) {
    if (!found.has_value()) return found.error();
    return Room{A(found.value().start), static_cast<T*>(found.value().above)};
  }

  RawAreaTree raw_;
};

}  // namespace meridian
