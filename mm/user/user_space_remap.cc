// SPDX-License-Identifier: MIT
/// mremap: a mapping grows, shrinks or moves, and its pages with it.
#include "mm/user/user_layout.h"
#include "mm/user/user_range.h"
#include "mm/user/user_space.h"

namespace meridian {

Result<UserAddr> UserSpace::remap(const Move& move) {
  TRY(check_move(move));
  const u64 new_size = align_up(move.new_size, kPageSize);
  UserAddr start;
  {
    Guard guard(lock_);
    start = TRY(remap_here(move, align_up(move.old_size, kPageSize), new_size));
  }
  populate({start, new_size}, Populate::locked);
  return start;
}

Result<UserAddr> UserSpace::remap_here(const Move& move, u64 old_size, u64 new_size) {
  Vma* const vma = vmas_.find(move.from);
  if (vma == nullptr) return Error{Errc::fault, move.from.value()};
  if (old_size > vmas_.bounds().end() - move.from) return Error{Errc::fault, move.from.value()};
  if (new_size < old_size) TRY(remove({move.from + new_size, old_size - new_size}));
  if (!move.fixed && !move.keep_old && new_size <= old_size) return move.from;
  if (old_size > new_size) old_size = new_size;
  TRY(check_growth(*vma, move, old_size, new_size));
  if (!move.fixed && !move.keep_old && can_grow(*vma, move.from + old_size, new_size - old_size)) {
    TRY(grow_in_place(*vma, new_size - old_size));
    return move.from;
  }
  if (!move.may_move) return Error{Errc::out_of_address_space, new_size};
  return move_to(*vma, move, old_size, new_size);
}

/// What can be told from the numbers alone: EINVAL.
Result<void> UserSpace::check_move(const Move& move) const {
  const u64 most = vmas_.bounds().size();
  if (!move.from.is_aligned(kPageSize)) return Error{Errc::not_aligned, move.from.value()};
  if (move.new_size == 0 || move.new_size > most) return Error{Errc::bad_range, move.new_size};
  if (move.old_size > most) return Error{Errc::bad_range, move.old_size};
  if ((move.fixed || move.keep_old) && !move.may_move) return Error{Errc::bad_format, 0};
  const u64 old_size = align_up(move.old_size, kPageSize);
  const u64 new_size = align_up(move.new_size, kPageSize);
  if (move.keep_old && old_size != new_size) return Error{Errc::bad_format, new_size};
  if (!move.fixed) return {};
  if (!move.to.is_aligned(kPageSize)) return Error{Errc::not_aligned, move.to.value()};
  const UserRange to(move.to, new_size);
  if (move.to > vmas_.bounds().end() || new_size > vmas_.bounds().end() - move.to)
    return Error{Errc::bad_range, move.to.value()};
  if (to.overlaps({move.from, old_size})) return Error{Errc::bad_range, move.to.value()};
  if (move.to < user_layout().lowest) return Error{Errc::not_permitted, move.to.value()};
  return {};
}

/// May this mapping become `new_size`?
Result<void> UserSpace::check_growth(const Vma& vma, const Move& move, u64 old_size,
                                     u64 new_size) const {
  if (old_size == 0 && !vma.traits.shared) return Error{Errc::bad_range, 0};
  if (old_size > vma.end() - move.from) return Error{Errc::fault, vma.end().value()};
  const u64 more = (move.keep_old ? new_size : new_size - old_size) >> kPageShift;
  const u64 page = vma.object ? vma.page_at(move.from) : 0;
  if (page > (MemoryObject::kMostBytes >> kPageShift) - (new_size >> kPageShift))
    return Error{Errc::bad_range, new_size};
  if (vma.traits.locked && exceeds(stats_.locked, more, limits_.locked))
    return Error{Errc::try_again, more};
  return check_room(more, vma.is_data() ? more : 0);
}

/// Does `vma` end at `end`, with room for `more` bytes above?
bool UserSpace::can_grow(const Vma& vma, UserAddr end, u64 more) const {
  return vma.end() == end && more <= vmas_.bounds().end() - end &&
         is_room({end, more}, VmaTree::next(vma));
}

Result<void> UserSpace::grow_in_place(Vma& vma, u64 more) {
  const u64 first_page = vma.object ? vma.first_page + vma.pages() : 0;
  const VmaTraits traits = vma.traits;
  TRY(vmas_.add({vma.end(), more}, traits, vma.object, first_page, VmaTree::next(vma)));
  account(traits, more >> kPageShift, true);
  return {};
}

/// The pages are mapped at both places for a moment, so that nothing can fail once they begin to go
/// from the old one.
Result<UserAddr> UserSpace::move_to(Vma& vma, const Move& move, u64 old_size, u64 new_size) {
  const UserRange to(move.fixed ? move.to : TRY(find_room(new_size)).start, new_size);
  const UserRange from(move.from, old_size);
  const u64 first_page = vma.object ? vma.page_at(move.from) : 0;
  Vma* const moved = TRY(vmas_.make(to, vma.traits, vma.object, first_page));
  const Result<void> ready = prepare_move(from, to);
  if (!ready.has_value()) {
    VmaTree::destroy(moved);
    vmas_.join(from);
    return ready.error();
  }
  moved->has_tables = true;
  account(*moved, true);
  if (!from.is_empty()) leave_behind(from, move.keep_old);
  vmas_.insert(*moved);
  if (!from.is_empty()) forget_pages(from, move.keep_old);
  vmas_.join(from);
  return to.start();
}

/// Frees `to`, and maps there what is mapped in `from`.
Result<void> UserSpace::prepare_move(UserRange from, UserRange to) {
  if (!from.is_empty()) TRY(vmas_.isolate(from));
  TRY(remove(to));
  if (from.is_empty()) return {};
  const u64 size = from.size() < to.size() ? from.size() : to.size();
  const Result<void> copied =
      mapper().copy_pages({VirtAddr(from.start().value()), size}, mapper(), virt(to.start()));
  if (!copied.has_value()) forget_pages({to.start(), size}, false);
  SpaceTlb(asid_).publish();
  return copied;
}

/// Unmaps pages of which the frames are mapped elsewhere in this space. If no VMA is kept there, the
/// tables go, too.
void UserSpace::forget_pages(UserRange range, bool keep) {
  Mapper::Gather owed(tables_, SpaceTlb(asid_));
  if (keep)
    clear_pages(range, owed);
  else
    clear_hole(range, vmas_.hole_around(range.start()), std::move(owed));
}

/// What becomes of the VMA of `from` when its pages have moved.
void UserSpace::leave_behind(UserRange from, bool keep) {
  vmas_.for_each(from, [&](Vma& vma) {
    account(vma, false);
    if (!keep) return vmas_.remove(vma);
    set_lock(vma.traits, std::nullopt);
    account(vma, true);
  });
}

}  // namespace meridian
