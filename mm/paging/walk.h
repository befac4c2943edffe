// SPDX-License-Identifier: MIT
/// A walk: every entry that the MMU would read for one address, from the root to where it stops,
/// and why it stops there. For people: the shell, the fault report, the debugger. It allocates
/// nothing and takes no lock, so that it works in the middle of a fault.
#pragma once

#include <array>

#include "mm/paging/cursor.h"

namespace meridian {

template <PagingFormat F>
struct WalkStep {
  Level level;
  usize index;              // in the table
  Frame table;              // that was read
  typename F::Entry entry;  // that was found
  Kind kind() const { return entry.kind(level); }
};

enum class WalkEnd : u8 {
  leaf,          // translated: the last step is the leaf
  invalid,       // not mapped: the last step's entry is invalid
  outside_half,  // no table was read: the address is not one that this half translates
};

template <PagingFormat F>
class Walk {
 public:
  using Step = WalkStep<F>;

  constexpr Walk() = default;
  void add(const Step& step) { steps_[count_++] = step; }
  void stop(WalkEnd end) { end_ = end; }

  const Step* begin() const { return steps_.data(); }
  const Step* end() const { return steps_.data() + count_; }
  usize size() const { return count_; }
  /// The deepest entry that was read; the walk must not have ended outside_half.
  const Step& last() const {
    CHECK(count_ != 0);
    return steps_[count_ - 1];
  }
  WalkEnd why() const { return end_; }

 private:
  std::array<Step, std::size(kLevels)> steps_{};
  u8 count_ = 0;
  WalkEnd end_ = WalkEnd::outside_half;
};

/// Reads the entries for `va` below `root`.
template <PagingFormat F, typename Store>
Walk<F> walk_tables(const typename F::Geometry& geometry, Store& store, Frame root, VirtAddr va) {
  Walk<F> walk;
  if (!geometry.contains(va)) return walk;
  Cursor<F, Store> cursor(geometry, store, root, va);
  for (;;) {
    const typename F::Entry entry = cursor.entry();
    walk.add({cursor.level(), cursor.index(), cursor.table(), entry});
    switch (entry.kind(cursor.level())) {
      case Kind::invalid:
        walk.stop(WalkEnd::invalid);
        return walk;
      case Kind::leaf:
        walk.stop(WalkEnd::leaf);
        return walk;
      case Kind::table:
        cursor.descend_into(entry.output());
        break;
    }
  }
}

}  // namespace meridian
