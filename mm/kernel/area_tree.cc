// SPDX-License-Identifier: MIT
#include "mm/kernel/area_tree.h"

#include <optional>

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

  /// Where the hole goes in the part of the gap [start, end) that it may use.
  std::optional<u64> place(u64 start, u64 end) const {
    if (end - start < need) return std::nullopt;
    const u64 low = start > wanted.low ? start : wanted.low;
    const u64 high = end < wanted.high ? end : wanted.high;
    if (high < low || high - low < wanted.size) return std::nullopt;
    const u64 room = high - low - wanted.size;
    const u64 edge = from_top ? high - wanted.size : low;
    const u64 step = (from_top ? edge : 0 - edge) & (wanted.alignment - 1);  // to a multiple
    if (step > room) return std::nullopt;
    return from_top ? edge - step : edge + step;
  }

  std::optional<u64> lowest_below(const AreaNode* n) const {
    if (n == nullptr || n->largest_gap_ < need) return std::nullopt;
    const u64 gap_start = n->start_ - n->gap_;
    if (gap_start > wanted.low) {
      if (const auto at = lowest_below(n->child_[kLower])) return at;
    }
    if (const auto at = place(gap_start, n->start_)) return at;
    return n->end_value() < wanted.high ? lowest_below(n->child_[kHigher]) : std::nullopt;
  }

  std::optional<u64> highest_below(const AreaNode* n) const {
    if (n == nullptr || n->largest_gap_ < need) return std::nullopt;
    if (n->end_value() < wanted.high) {
      if (const auto at = highest_below(n->child_[kHigher])) return at;
    }
    const u64 gap_start = n->start_ - n->gap_;
    if (const auto at = place(gap_start, n->start_)) return at;
    return gap_start > wanted.low ? highest_below(n->child_[kLower]) : std::nullopt;
  }
};

Result<u64> RawAreaTree::lowest_hole(const Hole& wanted) const {
  return find_hole(wanted, [this](const Search& search) {
    const auto at = search.lowest_below(root_);
    return at ? at : search.place(tail_, high_);
  });
}

Result<u64> RawAreaTree::highest_hole(const Hole& wanted) const {
  return find_hole(wanted, [this](Search search) {
    search.from_top = true;
    const auto at = search.place(tail_, high_);
    return at ? at : search.highest_below(root_);
  });
}

/// First only gaps that fit wherever they start, then any.
template <typename Find>
Result<u64> RawAreaTree::find_hole(const Hole& wanted, Find&& find) const {
  CHECK(wanted.size != 0 && is_power_of_two(wanted.alignment));
  const u64 all = high_ - low_;
  const u64 slack = wanted.alignment - 1;
  if (wanted.size <= all && slack <= all - wanted.size) {
    if (const auto at = find(Search{wanted, wanted.size + slack})) return *at;
  }
  if (slack != 0) {
    if (const auto at = find(Search{wanted, wanted.size})) return *at;
  }
  return Error{Errc::out_of_address_space, wanted.size};
}

/// Recomputes what `n` keeps about the nodes below it.
void RawAreaTree::refresh(AreaNode& n) {
  n.height_ = 0;
  n.largest_gap_ = n.gap_;
  for (const AreaNode* child : n.child_) {
    if (child == nullptr) continue;
    if (child->height_ > n.height_) n.height_ = child->height_;
    if (child->largest_gap_ > n.largest_gap_) n.largest_gap_ = child->largest_gap_;
  }
  ++n.height_;
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

/// From `n` (possibly null) to the root.
void RawAreaTree::rebalance_up(AreaNode* n) {
  while (n != nullptr) n = rebalance(*n).parent_;
}

void RawAreaTree::insert(AreaNode& area) {
  AreaNode* parent = nullptr;
  AreaNode** link = &root_;
  u64 gap_start = low_;
  AreaNode* next = nullptr;
  while (*link != nullptr) {
    parent = *link;
    const bool higher = area.start_ >= parent->start_;
    if (higher)
      gap_start = parent->end_value();
    else
      next = parent;
    link = &parent->child_[higher ? kHigher : kLower];
  }
  const u64 gap_end = next != nullptr ? next->start_ : high_;
  CHECK(area.size_ != 0 && area.start_ >= gap_start && area.start_ < gap_end);
  CHECK(area.size_ <= gap_end - area.start_);

  area.gap_ = area.start_ - gap_start;
  area.parent_ = parent;
  area.child_[kLower] = area.child_[kHigher] = nullptr;
  *link = &area;
  if (next != nullptr)
    next->gap_ = next->start_ - area.end_value();
  else
    tail_ = area.end_value();
  ++count_;
  rebalance_up(&area);  // passes `next`: the neighbours of a new leaf are above it
}

/// Takes `n` out of the shape of the tree; returns the lowest node whose subtree changed.
AreaNode* RawAreaTree::unlink(AreaNode& n) {
  if (n.child_[kLower] == nullptr || n.child_[kHigher] == nullptr) {
    AreaNode* only = n.child_[n.child_[kLower] != nullptr ? kLower : kHigher];
    replace(n, only);
    return only != nullptr ? only : n.parent_;
  }
  AreaNode& heir = *next(n);  // in the higher subtree, without a lower child
  AreaNode* changed = heir.parent_ == &n ? &heir : heir.parent_;
  replace(heir, heir.child_[kHigher]);
  replace(n, &heir);
  for (const unsigned side : {kLower, kHigher}) {
    heir.child_[side] = n.child_[side];
    if (heir.child_[side] != nullptr) heir.child_[side]->parent_ = &heir;
  }
  return changed;
}

void RawAreaTree::remove(AreaNode& area) {
  const u64 gap_start = area.start_ - area.gap_;
  AreaNode* follower = next(area);
  if (follower != nullptr)
    follower->gap_ = follower->start_ - gap_start;
  else
    tail_ = gap_start;
  --count_;
  // The follower is the node that took the place, or an ancestor: the way up passes it.
  rebalance_up(unlink(area));
}

AreaNode* RawAreaTree::first_ending_after(u64 address) const {
  AreaNode* best = nullptr;
  for (AreaNode* n = root_; n != nullptr;) {
    const bool ends_after = n->start_ + (n->size_ - 1) >= address;
    if (ends_after) best = n;
    n = n->child_[ends_after ? kLower : kHigher];
  }
  return best;
}

AreaNode* RawAreaTree::next(const AreaNode& area) {
  if (AreaNode* n = area.child_[kHigher]; n != nullptr) {
    while (n->child_[kLower] != nullptr) n = n->child_[kLower];
    return n;
  }
  const AreaNode* n = &area;
  while (n->parent_ != nullptr && n->parent_->child_[kHigher] == n) n = n->parent_;
  return n->parent_;
}

}  // namespace meridian
