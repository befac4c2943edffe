// SPDX-License-Identifier: MIT
/// The VMAs of one address space, by address. Neighbours that are alike are always one VMA, so that
/// their number is the smallest that can say what is mapped. The caller holds the space's lock.
#pragma once

#include "mm/user/vma.h"

namespace meridian {

class VmaTree {
 public:
  /// Linux's default of vm.max_map_count.
  static constexpr usize kMost = 65'530;

  /// Of `space`; null: its VMAs are nobody's (tests).
  explicit VmaTree(UserAddr end, UserSpace* space = nullptr)
      : tree_(UserRange::between(UserAddr(0), end)), space_(space) {}
  VmaTree(const VmaTree&) = delete;
  VmaTree& operator=(const VmaTree&) = delete;
  ~VmaTree() { clear(); }

  /// A VMA that is not in the tree yet. Errc::out_of_frames, over_limit (there are too many).
  Result<Vma*> make(UserRange range, const VmaTraits& traits, const Ref<MemoryObject>& object,
                    u64 first_page);
  /// For one that is in no tree.
  static void destroy(Vma* vma);

  Vma* find(UserAddr va) const { return tree_.containing(va); }
  /// The lowest that ends above `va`, or null.
  Vma* first_ending_after(UserAddr va) const { return tree_.first_ending_after(va); }
  Vma* first() const { return tree_.first(); }
  Vma* last() const { return tree_.last(); }
  static Vma* next(const Vma& vma) { return Tree::next(vma); }
  static Vma* previous(const Vma& vma) { return Tree::previous(vma); }
  usize count() const { return tree_.count(); }
  /// Where VMAs may lie.
  UserRange bounds() const { return tree_.bounds(); }

  /// Puts `vma` where nothing is, and makes it one with neighbours that are alike. `vma` may be
  /// gone afterwards; returns what holds its addresses.
  Vma& insert(Vma& vma);
  /// The same for one that lies above all others.
  Vma& append(Vma& vma);
  /// Makes `range`, which is free, a VMA, or part of a neighbour that is alike and so needs none.
  /// `above` is first_ending_after() its start. Errors as make().
  Result<void> add(UserRange range, const VmaTraits& traits, const Ref<MemoryObject>& object,
                   u64 first_page, Vma* above);
  /// Takes it out and destroys it.
  void remove(Vma& vma);
  void clear();

  /// Makes both ends of `range` ends of VMAs too, where they lie inside one: what was one may be
  /// alike neighbours until join(). Errc::out_of_frames, over_limit; then nothing has changed.
  Result<void> isolate(UserRange range);
  /// Makes alike neighbours within `range`, or at its ends, one again.
  void join(UserRange range);
  /// Moves the start of a VMA down over what is free.
  void extend_down(Vma& vma, UserAddr start);
  /// Takes `range`, which begins or ends where `vma` does and leaves some of it, off it.
  void trim(Vma& vma, UserRange range);

  /// Calls `visit(Vma&)` for all that overlap `range`, lowest first; it may remove the one it is
  /// given.
  template <typename Visit>
  void for_each(UserRange range, Visit&& visit) const {
    for (Vma* vma = first_ending_after(range.start());
         vma != nullptr && vma->start() < range.end();) {
      Vma* const after = next(*vma);
      visit(*vma);
      vma = after;
    }
  }
  bool is_free(UserRange range) const {
    const Vma* const vma = first_ending_after(range.start());
    return vma == nullptr || vma->start() >= range.end();
  }
  /// What is free around an address that is free, and the VMAs at its ends (null: none).
  struct Hole {
    UserRange range;
    Vma* below;
    Vma* above;

    /// Tables that reach beyond it are the neighbours' from now on.
    void leave_tables() const {
      if (above != nullptr) above->has_tables = true;
      if (below != nullptr) below->has_tables = true;
    }
  };
  Hole hole_around(UserAddr va) const { return hole_below(first_ending_after(va)); }
  /// The one right below `above` (null: behind the last).
  Hole hole_below(Vma* above) const {
    Vma* const below = above != nullptr ? previous(*above) : last();
    return {UserRange::between(below != nullptr ? below->end() : bounds().start(),
                               above != nullptr ? above->start() : bounds().end()),
            below, above};
  }
  /// Is every byte of `range` in some VMA?
  bool is_covered(UserRange range) const;

  /// The highest or the lowest room for `size` bytes, and the VMA above it.
  /// Errc::out_of_address_space.
  using Room = AreaTree<Vma, UserAddr>::Room;
  Result<Room> highest_room(u64 size, UserRange within) const {
    return tree_.highest_hole(size, kPageSize, within);
  }
  Result<Room> lowest_room(u64 size, UserRange within) const {
    return tree_.lowest_hole(size, kPageSize, within);
  }

 private:
  using Tree = AreaTree<Vma, UserAddr>;

  bool extend(UserRange range, const VmaTraits& traits, const MemoryObject* object, u64 first_page,
              Vma* above);
  void split(Vma& vma, UserAddr at, Vma& upper);
  Result<Vma*> make_upper(const Vma& vma, UserAddr at);
  bool join_to(Vma* lower, Vma* upper);
  void resize(Vma& vma, UserRange to);

  Tree tree_;
  UserSpace* space_;
};

}  // namespace meridian
