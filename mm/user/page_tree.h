// SPDX-License-Identifier: MIT
/// Frames by page number: a radix tree, only as high as its highest page needs and only as wide as
/// the pages that are there. One page alone, number 0, takes no node at all. It says where frames
/// are and owns none of them. The caller holds a lock.
#pragma once

#include <array>

#include "kernel/lib/result.h"
#include "mm/frame.h"

namespace meridian {

class PageTree {
 public:
  PageTree() = default;
  PageTree(const PageTree&) = delete;
  PageTree& operator=(const PageTree&) = delete;
  /// CHECKs that it is empty.
  ~PageTree();

  /// The frame of page `index`, or Frame() if there is none.
  Frame find(u64 index) const;
  /// Puts `frame` (not Frame()) where none was. Errc::out_of_frames; then nothing has changed.
  Result<void> insert(u64 index, Frame frame);

  /// Takes out all pages from `first` on, lowest first; `visit(context, frame)` hears of each.
  void remove_from(u64 first, void (*visit)(void* context, Frame frame), void* context);

  u64 count() const { return count_; }

 private:
  static constexpr unsigned kBits = 6;
  static constexpr usize kSlots = usize{1} << kBits;
  /// As many levels as 64 bits of index can have.
  static constexpr unsigned kMostLevels = (64 + kBits - 1) / kBits;

  struct Node;
  /// A node of the level below, or at level 0 the number of a frame; all zero: nothing.
  union Slot {
    Node* node;
    u64 frame = 0;
  };
  struct Node {
    std::array<Slot, kSlots> slots{};
  };
  class NewNodes;
  struct Removal {
    u64 first;
    void (*visit)(void* context, Frame frame);
    void* context;
  };

  static usize slot_of(u64 index, unsigned level) {
    return static_cast<usize>(index >> (level - 1) * kBits & (kSlots - 1));
  }
  static unsigned levels_for(u64 index);
  unsigned nodes_missing(u64 index, unsigned levels) const;
  bool remove_below(Slot& slot, unsigned level, u64 start, const Removal& removal);

  Slot root_;
  unsigned levels_ = 0;  // of nodes; 0: the root is the frame of page 0
  u64 count_ = 0;
};

}  // namespace meridian
