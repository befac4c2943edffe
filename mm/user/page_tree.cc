// SPDX-License-Identifier: MIT
#include "mm/user/page_tree.h"

#include <new>

#include "mm/slab/kmalloc.h"

namespace meridian {

/// Nodes taken before anything is changed; what is left over goes back.
class PageTree::NewNodes {
 public:
  NewNodes() = default;
  NewNodes(const NewNodes&) = delete;
  NewNodes& operator=(const NewNodes&) = delete;
  ~NewNodes() {
    while (count_ != 0) kfree(take());
  }

  Result<void> add(unsigned wanted) {
    for (; wanted != 0; --wanted) nodes_[count_++] = new (TRY(kmalloc(sizeof(Node)))) Node;
    return {};
  }
  Node* take() {
    CHECK(count_ != 0);
    return nodes_[--count_];
  }

 private:
  std::array<Node*, 2 * kMostLevels> nodes_;
  unsigned count_ = 0;
};

PageTree::~PageTree() { CHECK(count_ == 0 && root_.frame == 0); }

unsigned PageTree::levels_for(u64 index) {
  return (static_cast<unsigned>(std::bit_width(index)) + kBits - 1) / kBits;
}

Frame PageTree::find(u64 index) const {
  if (levels_for(index) > levels_) return Frame();
  Slot slot = root_;
  for (unsigned level = levels_; level != 0; --level) {
    if (slot.node == nullptr) return Frame();
    slot = slot.node->slots[slot_of(index, level)];
  }
  return Frame::from_number(slot.frame);
}

/// How many nodes a tree of `levels` (at least as many as now) lacks for the page.
unsigned PageTree::nodes_missing(u64 index, unsigned levels) const {
  if (root_.frame == 0) return levels;
  // Above what is there, `index` leaves the chain of first slots at the top: its way is all new.
  if (levels > levels_) return levels - levels_ + (levels - 1);
  unsigned level = levels_;
  for (Slot slot = root_; level != 0 && slot.node != nullptr; --level)
    slot = slot.node->slots[slot_of(index, level)];
  return level;
}

Result<void> PageTree::insert(u64 index, Frame frame) {
  const unsigned wanted = levels_for(index);
  const unsigned levels = wanted > levels_ ? wanted : levels_;
  NewNodes nodes;
  TRY(nodes.add(nodes_missing(index, levels)));

  for (; levels_ != levels; ++levels_) {
    if (root_.frame == 0) continue;
    Node* const above = nodes.take();
    above->slots[0] = root_;
    root_.node = above;
  }
  Slot* slot = &root_;
  for (unsigned level = levels_; level != 0; --level) {
    if (slot->node == nullptr) slot->node = nodes.take();
    slot = &slot->node->slots[slot_of(index, level)];
  }
  CHECK(slot->frame == 0 && frame != Frame());
  slot->frame = frame.number();
  ++count_;
  return {};
}

void PageTree::remove_from(u64 first, void (*visit)(void*, Frame), void* context) {
  if (root_.frame != 0 && remove_below(root_, levels_, 0, {first, visit, context})) levels_ = 0;
}

/// Removes what is below `slot`, which covers the pages from `start` on; true if it is empty then.
bool PageTree::remove_below(Slot& slot, unsigned level, u64 start, const Removal& removal) {
  if (level == 0) {
    if (start < removal.first) return false;
    removal.visit(removal.context, Frame::from_number(slot.frame));
    --count_;
    slot.frame = 0;
    return true;
  }
  const u64 each = u64{1} << (level - 1) * kBits;
  bool empty = true;
  for (usize i = 0; i < kSlots; ++i) {
    Slot& below = slot.node->slots[i];
    if (below.frame == 0) continue;
    const u64 last = start + i * each + (each - 1);
    if (last < removal.first || !remove_below(below, level - 1, start + i * each, removal))
      empty = false;
  }
  if (!empty) return false;
  kfree(slot.node);
  slot.node = nullptr;
  return true;
}

}  // namespace meridian
