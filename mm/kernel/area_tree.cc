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

void RawAreaTree::insert(AreaNode& area) {
  Place place{nullptr, &root_, nullptr, nullptr};
  while (*place.link != nullptr) {
    place.parent = *place.link;
    const bool higher = area.start_ >= place.parent->start_;
    (higher ? place.before : place.after) = place.parent;
    place.link = &place.parent->child_[higher ? kHigher : kLower];
  }
  hang(area, place);
}

void RawAreaTree::insert_after(AreaNode& before, AreaNode& area) {
  Place place{&before, &before.child_[kHigher], &before, next(before)};
  // What has a higher child is followed by the lowest node below that.
  if (*place.link != nullptr) place.parent = place.after, place.link = &place.after->child_[kLower];
  hang(area, place);
}

/// Makes `area` a leaf.
void RawAreaTree::hang(AreaNode& area, const Place& place) {
  AreaNode* const after = place.after;
  const u64 gap_start = place.before != nullptr ? place.before->end_value() : low_;
  const u64 gap_end = after != nullptr ? after->start_ : high_;
  CHECK(area.size_ != 0 && area.start_ >= gap_start && area.start_ < gap_end);
  CHECK(area.size_ <= gap_end - area.start_);

  area.parent_ = place.parent;
  area.child_[kLower] = area.child_[kHigher] = nullptr;
  area.height_ = 0;  // as of the nothing that was there
  area.gap_ = area.start_ - gap_start;
  *place.link = &area;
  if (after != nullptr)
    after->gap_ = after->start_ - area.end_value();
  else
    tail_ = area.end_value();
  ++count_;
  rebalance_up(&area, after);  // passes `after`: the neighbours of a new leaf are above it
}

/// The tree keeps its shape: only gaps change, the area's own and its follower's.
void RawAreaTree::resize(AreaNode& area, u64 start, u64 size) {
  const u64 gap_start = area.start_ - area.gap_;
  AreaNode* const after = next(area);
  const u64 gap_end = after != nullptr ? after->start_ : high_;
  CHECK(size != 0 && start >= gap_start && start < gap_end && size <= gap_end - start);
  area.start_ = start, area.size_ = size;
  area.gap_ = start - gap_start;
  rebalance_up(&area, &area);
  if (after != nullptr) {
    after->gap_ = after->start_ - area.end_value();
    rebalance_up(after, after);
  } else {
    tail_ = area.end_value();
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
  const u64 gap_start = area.start_ - area.gap_;
  AreaNode* follower = next(area);
  if (follower != nullptr)
    follower->gap_ = follower->start_ - gap_start;
  else
    tail_ = gap_start;
  --count_;
  if (recent_ == &area) recent_ = nullptr;
  // The follower is the node that took the place, or an ancestor: the way up passes it.
  rebalance_up(unlink(area), follower);
}

AreaNode* RawAreaTree::search_ending_after(u64 address) const {
  AreaNode* best = nullptr;
  for (AreaNode* n = root_; n != nullptr;) {
    const bool ends_after = n->start_ + (n->size_ - 1) >= address;
    if (ends_after) best = n;
    n = n->child_[ends_after ? kLower : kHigher];
  }
  if (best != nullptr && best->start_ <= address) recent_ = best;
  return best;
}

AreaNode* RawAreaTree::last() const {
  AreaNode* n = root_;
  while (n != nullptr && n->child_[kHigher] != nullptr) n = n->child_[kHigher];
  return n;
}

/// The one before (side 0) or after (side 1) in order of addresses.
AreaNode* RawAreaTree::neighbour(const AreaNode& area, unsigned side) {
  const unsigned back = 1 - side;
  if (AreaNode* n = area.child_[side]; n != nullptr) {
    while (n->child_[back] != nullptr) n = n->child_[back];
    return n;
  }
  const AreaNode* n = &area;
  while (n->parent_ != nullptr && n->parent_->child_[side] == n) n = n->parent_;
  return n->parent_;
}

}  // namespace meridian
