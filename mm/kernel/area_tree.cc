// SPDX-License-Identifier: MIT
#include "mm/kernel/area_tree.h"

namespace meridian {
namespace {

constexpr unsigned kLower = 0, kHigher = 1;

}  // namespace

/// One search for a hole. `need` is what a gap must have to be looked at: with `size + alignment -
/// page` every gap that passes fits (so the search goes straight down), with `size` alone it may
/// not.
struct RawAreaTree::Search {
  const Hole& wanted;
  u64 need;
  bool from_top = false;
  Room found{};

  /// Tries the part of the gap from `start` to `end`, below `above`, that the hole may use.
  bool place(u64 start, u64 end, AreaNode* above) {
    if (end - start < need) return false;
    const u64 low = start > wanted.low ? start : wanted.low;
    const u64 high = end < wanted.high ? end : wanted.high;
    if (high < low || high - low < wanted.size) return false;
    const u64 room = high - low - wanted.size;
    const u64 edge = from_top ? high - wanted.size : low;
    const u64 step = (from_top ? edge : 0 - edge) & (wanted.alignment - 1);  // to a multiple
    if (step > room) return false;
    found = {from_top ? edge - step : edge + step, above};
    return true;
  }
  bool place_below(AreaNode* n) { return place(n->start_ - n->gap_, n->start_, n); }
  bool may_be_in(const AreaNode* n) const { return n != nullptr && n->largest_gap_ >= need; }

  bool lowest_in(AreaNode* n) {
    for (; may_be_in(n); n = n->child_[kHigher]) {
      const bool reaches_lower = n->start_ - n->gap_ > wanted.low;
      if (reaches_lower && may_be_in(n->child_[kLower]) && lowest_in(n->child_[kLower]))
        return true;
      if (place_below(n)) return true;
      if (n->end_value() >= wanted.high) return false;
    }
    return false;
  }

  bool highest_in(AreaNode* n) {
    for (; may_be_in(n); n = n->child_[kLower]) {
      const bool reaches_higher = n->end_value() < wanted.high;
      if (reaches_higher && may_be_in(n->child_[kHigher]) && highest_in(n->child_[kHigher]))
        return true;
      if (place_below(n)) return true;
      if (n->start_ - n->gap_ <= wanted.low) return false;
    }
    return false;
  }
};

auto RawAreaTree::lowest_hole(const Hole& wanted) const -> Result<Room> {
  return find_hole(wanted, [this](Search& search) {
    return search.lowest_in(root_) || search.place(tail_, high_, nullptr);
  });
}

auto RawAreaTree::highest_hole(const Hole& wanted) const -> Result<Room> {
  return find_hole(wanted, [this](Search& search) {
    search.from_top = true;
    return search.place(tail_, high_, nullptr) || search.highest_in(root_);
  });
}

/// First only gaps that fit wherever they start, then any.
template <typename Find>
[[gnu::always_inline]] inline auto RawAreaTree::find_hole(const Hole& wanted, Find&& find) const
    -> Result<Room> {
  CHECK(wanted.size != 0 && is_power_of_two(wanted.alignment));
  const u64 all = high_ - low_;
  const u64 slack = wanted.alignment - 1;
  if (wanted.size <= all && slack <= all - wanted.size) {
    Search search{wanted, wanted.size + slack};
    if (find(search)) return search.found;
  }
  if (slack != 0) {
    Search search{wanted, wanted.size};
    if (find(search)) return search.found;
  }
  return Error{Errc::out_of_address_space, wanted.size};
}

/// Recomputes what `n` keeps about the nodes below it.
[[gnu::always_inline]] inline void RawAreaTree::refresh(AreaNode& n) {
  u64 height = 0, gap = n.gap_;
  if (const AreaNode* const lower = n.child_[kLower]) {
    height = lower->height_;
    if (lower->largest_gap_ > gap) gap = lower->largest_gap_;
  }
  if (const AreaNode* const higher = n.child_[kHigher]) {
    if (higher->height_ > height) height = higher->height_;
    if (higher->largest_gap_ > gap) gap = higher->largest_gap_;
  }
  n.height_ = height + 1;
  n.largest_gap_ = gap;
}

/// The pointer that points at `n`: its parent's, or the root.
AreaNode*& RawAreaTree::link_to(AreaNode& n) {
  if (n.parent_ == nullptr) return root_;
  return n.parent_->child_[n.parent_->child_[kHigher] == &n ? kHigher : kLower];
}

/// Puts `by` (possibly null) where `n` hangs.
void RawAreaTree::replace(AreaNode& n, AreaNode* by) {
  link_to(n) = by;
  if (by != nullptr) by->parent_ = n.parent_;
}

/// Turns `n` down towards one side; the child on the other side takes its place and is returned.
AreaNode& RawAreaTree::rotate(AreaNode& n, unsigned towards) {
  const unsigned other = 1 - towards;
  AreaNode& up = *n.child_[other];
  replace(n, &up);
  n.child_[other] = up.child_[towards];
  if (n.child_[other] != nullptr) n.child_[other]->parent_ = &n;
  up.child_[towards] = &n;
  n.parent_ = &up;
  refresh(n);
  refresh(up);
  return up;
}

/// Restores the balance of `n`, whose subtrees are balanced; returns the node now in its place.
AreaNode& RawAreaTree::rebalance(AreaNode& n) {
  refresh(n);
  for (const unsigned heavy : {kLower, kHigher}) {
    AreaNode* child = n.child_[heavy];
    if (height(child) <= height(n.child_[1 - heavy]) + 1) continue;
    if (height(child->child_[1 - heavy]) > height(child->child_[heavy])) rotate(*child, heavy);
    return rotate(n, 1 - heavy);
  }
  return n;
}

/// From `n` (possibly null) upwards, as far as anything changes: what a node says of its subtree is what
/// it said before, and `changed`, a node on the way whose own gap is another (or null), is behind.
void RawAreaTree::rebalance_up(AreaNode* n, const AreaNode* changed) {
  while (n != nullptr) {
    const u64 height = n->height_, gap = n->largest_gap_;
    if (n == changed) changed = nullptr;
    const u64 low = RawAreaTree::height(n->child_[kLower]);
    const u64 high = RawAreaTree::height(n->child_[kHigher]);
    if (low + 1 < high || high + 1 < low) [[unlikely]]
      n = &rebalance(*n);
    else
      refresh(*n);
    if (changed == nullptr && n->height_ == height && n->largest_gap_ == gap) return;
    n = n->parent_;
  }
}

/// Makes `area` a leaf, right below `after` (null: behind the last). There is a link for it: its
/// neighbours are one below the other, so one of them has no child on the side of the other.
void RawAreaTree::hang(AreaNode& area, AreaNode* after) {
  AreaNode* const before = after != nullptr ? after->neighbour_[kLower] : last_;
  const u64 gap_start = before != nullptr ? before->end_value() : low_;
  const u64 gap_end = after != nullptr ? after->start_ : high_;
  CHECK(area.size_ != 0 && area.start_ >= gap_start && area.start_ < gap_end);
  CHECK(area.size_ <= gap_end - area.start_);

  const bool below_after = after != nullptr && after->child_[kLower] == nullptr;
  AreaNode* const parent = below_after ? after : before;
  (parent == nullptr ? root_ : parent->child_[below_after ? kLower : kHigher]) = &area;
  area.parent_ = parent;
  area.child_[kLower] = area.child_[kHigher] = nullptr;
  area.height_ = 0;  // as of the nothing that was there
  area.gap_ = area.start_ - gap_start;
  link_neighbours(before, &area);
  link_neighbours(&area, after);
  if (after != nullptr)
    after->gap_ = gap_end - area.end_value();
  else
    tail_ = area.end_value();
  ++count_;
  recent_ = &area;
  rebalance_up(&area, after);  // passes `after`: the neighbours of a new leaf are above it
}

/// Makes them neighbours; either may be null, the end of the row.
void RawAreaTree::link_neighbours(AreaNode* before, AreaNode* after) {
  if (before != nullptr) before->neighbour_[kHigher] = after;
  (after != nullptr ? after->neighbour_[kLower] : last_) = before;
}

/// The tree keeps its shape: only gaps change, the area's own and its follower's.
void RawAreaTree::resize(AreaNode& area, u64 start, u64 size) {
  const u64 gap_start = area.start_ - area.gap_;
  AreaNode* const after = next(area);
  const u64 gap_end = after != nullptr ? after->start_ : high_;
  CHECK(size != 0 && start >= gap_start && start < gap_end && size <= gap_end - start);
  const bool starts_elsewhere = start != area.start_;
  area.start_ = start, area.size_ = size;
  if (starts_elsewhere) {
    area.gap_ = start - gap_start;
    rebalance_up(&area, &area);
  }
  if (after == nullptr) {
    tail_ = area.end_value();
  } else if (const u64 gap = gap_end - area.end_value(); gap != after->gap_) {
    after->gap_ = gap;
    rebalance_up(after, after);
  }
}

/// Takes `n` out of the shape of the tree; returns the lowest node whose subtree changed. Who takes a
/// place says of it what was said there before, so that the way up can tell what changes.
AreaNode* RawAreaTree::unlink(AreaNode& n) {
  if (n.child_[kLower] == nullptr || n.child_[kHigher] == nullptr) {
    AreaNode* only = n.child_[n.child_[kLower] != nullptr ? kLower : kHigher];
    replace(n, only);
    if (only == nullptr) return n.parent_;
    only->height_ = n.height_, only->largest_gap_ = n.largest_gap_;
    return only;
  }
  AreaNode& heir = *next(n);  // in the higher subtree, without a lower child
  AreaNode* changed = heir.parent_ == &n ? &heir : heir.parent_;
  replace(heir, heir.child_[kHigher]);
  replace(n, &heir);
  heir.height_ = n.height_, heir.largest_gap_ = n.largest_gap_;
  for (const unsigned side : {kLower, kHigher}) {
    heir.child_[side] = n.child_[side];
    if (heir.child_[side] != nullptr) heir.child_[side]->parent_ = &heir;
  }
  return changed;
}

void RawAreaTree::remove(AreaNode& area) {
  AreaNode* const follower = next(area);
  const u64 gap_start = area.start_ - area.gap_;
  if (follower != nullptr)
    follower->gap_ = follower->start_ - gap_start;
  else
    tail_ = gap_start;
  link_neighbours(previous(area), follower);
  --count_;
  if (recent_ == &area) recent_ = nullptr;
  // The follower is the node that took the place, or an ancestor: the way up passes it.
  rebalance_up(unlink(area), follower);
}

AreaNode* RawAreaTree::let_go() {
  AreaNode* const lowest = first_ending_after(low_);
  root_ = last_ = recent_ = nullptr;
  tail_ = low_;
  count_ = 0;
  return lowest;
}

AreaNode* RawAreaTree::search_ending_after(u64 address) const {
  if (recent_ != nullptr && address == recent_->end_value()) return next(*recent_);
  AreaNode* best = nullptr;
  for (AreaNode* n = root_; n != nullptr;) {
    const bool ends_after = n->start_ + (n->size_ - 1) >= address;
    if (ends_after) best = n;
    n = n->child_[ends_after ? kLower : kHigher];
  }
  if (best != nullptr && best->start_ <= address) recent_ = best;
  return best;
}

}  // namespace meridian
