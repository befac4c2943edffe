// SPDX-License-Identifier: MIT
/// mmap, mprotect and brk.
#include "mm/user/fault.h"
#include "mm/user/user_layout.h"
#include "mm/user/user_range.h"
#include "mm/user/user_space.h"

namespace meridian {
namespace {

bool violates_wx(const Protection& protection) { return protection.write && protection.execute; }

/// As Linux guesses by default: nobody gets more at once than all the memory there is. What is
/// small is not worth the question.
Result<void> check_overcommit(u64 pages) {
  constexpr u64 kSmall = 16_MiB >> kPageShift;
  if (pages <= kSmall) return {};
  u64 all = 0;
  for (const ZoneKind zone : {ZoneKind::dma, ZoneKind::normal, ZoneKind::highmem})
    all += zone_stats(zone).managed;
  if (pages > all) return Error{Errc::out_of_frames, pages};
  return {};
}

/// What is mapped: shared memory without a file is an object of its own.
[[gnu::always_inline]] inline Result<Ref<MemoryObject>> object_of(
    const UserSpace::Request& request) {
  if (request.object || !request.traits.shared) return request.object;
  return MemoryObject::create(MemoryObject::Kind::shared, align_up(request.size, kPageSize));
}

}  // namespace

/// The same in the place of what is in `range`.
Result<void> UserSpace::map_over(UserRange range, const VmaTraits& traits, const Request& request) {
  u64 replaced = 0;
  vmas_.for_each(range, [&](const Vma& old) {
    replaced += intersection(old.range(), range).size() >> kPageShift;
  });
  Vma* const vma =
      TRY(vmas_.make(range, traits, TRY(object_of(request)), request.offset >> kPageShift));
  Result<void> ready = check_more(vma->pages(), replaced, traits, request.no_reserve);
  if (ready.has_value()) ready = remove(range);
  if (!ready.has_value()) {
    VmaTree::destroy(vma);
    return ready.error();
  }
  account(*vma, true);
  vmas_.insert(*vma);
  return {};
}

/// Errc::not_aligned, or too_large for pages that no object has.
Result<void> UserSpace::check_offset(const Request& request, u64 size) {
  if (!is_aligned(request.offset, kPageSize)) return Error{Errc::not_aligned, request.offset};
  const bool fits = size <= MemoryObject::kMostBytes &&
                    request.offset <= align_down(MemoryObject::kMostBytes, kPageSize) - size;
  if (!fits) return Error{Errc::too_large, request.offset};
  return {};
}

/// May `pages` be mapped in the place of `replaced` ones?
[[gnu::always_inline]] inline Result<void> UserSpace::check_more(u64 pages, u64 replaced,
                                                                 const VmaTraits& traits,
                                                                 bool no_reserve) const {
  if (!traits.is_data()) return check_room(pages - replaced, 0);
  if (!no_reserve) TRY(check_overcommit(pages));
  return check_room(pages - replaced, pages);
}

/// Where a new mapping goes, and what is there or lies above.
Result<VmaTree::Room> UserSpace::place(const Request& request, u64 size) const {
  const bool is_hint = request.place == Place::hint;
  if (is_hint && request.address == UserAddr(0)) return find_room(size);
  const UserAddr lowest = user_layout().lowest, end = vmas_.bounds().end();
  if (is_hint) {
    UserAddr hint = request.address.align_down(kPageSize);
    if (hint < lowest) hint = lowest;
    if (hint >= end || size > end - hint) return find_room(size);
    Vma* const above = vmas_.first_ending_after(hint);
    if (!is_room({hint, size}, above)) return find_room(size);
    return VmaTree::Room{hint, above};
  }
  if (request.address > end - size) return Error{Errc::over_limit, size};
  if (!request.address.is_aligned(kPageSize))
    return Error{Errc::not_aligned, request.address.value()};
  if (request.address < lowest) return Error{Errc::not_permitted, request.address.value()};
  Vma* const above = vmas_.first_ending_after(request.address);
  const bool is_free = above == nullptr || above->start() >= request.address + size;
  if (request.place == Place::fixed_no_replace && !is_free)
    return Error{Errc::already_mapped, request.address.value()};
  return VmaTree::Room{request.address, above};
}

/// Is `range` free, and not in the way of a stack? `above` is the lowest VMA that ends above its
/// start.
bool UserSpace::is_room(UserRange range, const Vma* above) {
  if (above == nullptr) return true;
  const u64 gap = above->traits.grows_down ? kStackGuardGap : 0;
  return above->start() >= range.end() && above->start() - range.end() >= gap;
}

/// From the top down, below the room for the stack; if there is none left, above that and below.
Result<VmaTree::Room> UserSpace::find_room(u64 size) const {
  const UserLayout layout = user_layout();
  UserAddr top = layout.mmap_top;
  while (layout.lowest < top) {
    const Result<VmaTree::Room> found =
        vmas_.highest_room(size, UserRange::between(layout.lowest, top));
    if (!found.has_value()) break;
    const auto [start, above] = found.value();
    if (is_room({start, size}, above)) [[likely]]
      return found;
    // Too near below a stack: on from where its gap begins.
    const UserAddr stack = above->start();
    if (stack.value() < kStackGuardGap || stack - kStackGuardGap >= top) break;
    top = stack - kStackGuardGap;
  }
  return vmas_.lowest_room(size, UserRange::between(layout.mmap_top, layout.end));
}

[[gnu::always_inline]] inline Result<UserRange> UserSpace::map_here(const Request& request) {
  if (request.size == 0) return Error{Errc::bad_range, 0};
  if (request.size > vmas_.bounds().size()) return Error{Errc::over_limit, request.size};
  const u64 size = align_up(request.size, kPageSize), pages = size >> kPageShift;
  VmaTraits traits = request.traits;
  if (lock_future_ && !traits.locked) set_lock(traits, lock_future_);
  const VmaTree::Room room = TRY(place(request, size));
  const UserRange range(room.start, size);
  if (request.traits.locked) TRY(may_lock());
  if (traits.locked && exceeds(stats_.locked, pages, limits_.locked))
    return Error{Errc::try_again, size};
  TRY(check_offset(request, size));
  if (violates_wx(traits.protection)) return Error{Errc::write_and_execute, range.start().value()};
  if (!traits.most.covers(traits.protection)) return Error{Errc::no_access};

  if (room.above != nullptr && room.above->start() < range.end()) [[unlikely]] {
    TRY(map_over(range, traits, request));
    return range;
  }
  TRY(check_more(pages, 0, traits, request.no_reserve));
  TRY(vmas_.add(range, traits, TRY(object_of(request)), request.offset >> kPageShift, room.above));
  account(traits, pages, true);
  return range;
}

Result<UserAddr> UserSpace::map(const Request& request) {
  UserRange range;
  bool is_locked;
  {
    Guard guard(lock_);
    range = TRY(map_here(request));
    is_locked = stats_.locked != 0;
  }
  // As on Linux the mapping stands even if its pages cannot all be had.
  if (request.populate || is_locked)
    populate(range, request.populate ? Populate::all : Populate::locked);
  return range.start();
}

Result<void> UserSpace::may_lock() const {
  if (limits_.locked == 0) return Error{Errc::not_permitted, 0};
  return {};
}

Result<void> UserSpace::protect(UserAddr start, u64 size, Protection protection) {
  if (!start.is_aligned(kPageSize)) return Error{Errc::not_aligned, start.value()};
  if (size == 0) return {};
  const Result<UserRange> range = whole_pages(start, size, vmas_.bounds());
  if (!range.has_value()) return Error{Errc::not_mapped, start.value()};
  if (violates_wx(protection)) return Error{Errc::write_and_execute, start.value()};
  Guard guard(lock_);
  return protect_pages(range.value(), protection);
}

Result<void> UserSpace::protect_pages(UserRange range, const Protection& protection) {
  TRY(vmas_.isolate(range));
  Result<void> result;
  {
    Mapper::Gather owed = gather();
    UserAddr done = range.start();
    for (Vma* vma = vmas_.first_ending_after(done); done < range.end(); vma = VmaTree::next(*vma)) {
      result = vma != nullptr && vma->start() == done
                   ? protect_vma(*vma, protection, owed)
                   : Result<void>(Error{Errc::not_mapped, done.value()});
      if (!result.has_value()) break;
      done = vma->end();
    }
  }
  vmas_.join(range);
  return result;
}

Result<void> UserSpace::protect_vma(Vma& vma, const Protection& protection, Mapper::Gather& owed) {
  if (!vma.traits.most.covers(protection)) return Error{Errc::no_access, vma.start().value()};
  if (vma.traits.protection == protection) return {};
  const bool becomes_data = vma.is_private() && protection.write && !vma.is_data();
  if (becomes_data) TRY(check_room(0, vma.traits.grows_down ? 0 : vma.pages()));
  const bool becomes_code = protection.execute && !vma.traits.protection.execute;
  account(vma, false);
  vma.traits.protection = protection;
  account(vma, true);
  if (vma.has_tables) protect_mapped(vma, becomes_code, owed);
  return {};
}

/// Gives the pages that are there the rights of `vma`: one whose frame others have, too, can only be
/// written when it has been copied.
void UserSpace::protect_mapped(const Vma& vma, bool becomes_code, Mapper::Gather& owed) {
  const arch::Entry full = page_entry(vma.traits.protection);
  const arch::Entry shared = shared_page_entry(vma.traits.protection);
  const VirtRange range = virt(vma.range());
  if (becomes_code) {
    mapper().for_each_page(range, [](arch::Entry found, VirtAddr) {
      make_executable(found.output());
    });
  }
  if (vma.traits.shared || full == shared)
    return mapper().protect_pages(range, owed, [full](Frame) { return full; });
  mapper().protect_pages(range, owed, [full, shared, table = frame_table()](Frame frame) {
    return table[frame].is_sole(FrameOwner::user) ? full : shared;
  });
}

void UserSpace::set_break_start(UserAddr start) {
  Guard guard(lock_);
  break_start_ = break_ = start;
}

UserAddr UserSpace::move_break(UserAddr end) {
  UserRange more;
  {
    Guard guard(lock_);
    const UserAddr before = break_;
    if (end < break_start_ || end > vmas_.bounds().end() || !set_break(end).has_value())
      return before;
    break_ = end;
    if (end <= before || stats_.locked == 0) return end;
    more = UserRange::between(before.align_down(kPageSize), end);
  }
  populate(more, Populate::locked);
  return end;
}

Result<void> UserSpace::set_break(UserAddr end) {
  if (end - break_start_ > limits_.data) return Error{Errc::over_limit, end - break_start_};
  const UserAddr old_end = break_.align_up(kPageSize), new_end = end.align_up(kPageSize);
  if (new_end < old_end) return remove(UserRange::between(new_end, old_end));
  if (new_end == old_end) return {};
  // Linux: one page, and a stack's gap, stay free above the heap.
  const UserRange more = UserRange::between(old_end, new_end);
  Vma* const above = vmas_.first_ending_after(old_end);
  if (more.size() > vmas_.bounds().end() - old_end - kPageSize ||
      !is_room({old_end, more.size() + kPageSize}, above))
    return Error{Errc::out_of_address_space, more.size()};
  const u64 pages = more.size() >> kPageShift;
  TRY(check_overcommit(pages));
  TRY(check_room(pages, pages));
  if (lock_future_ && exceeds(stats_.locked, pages, limits_.locked))
    return Error{Errc::try_again, more.size()};
  VmaTraits traits;
  traits.protection = {.read = true, .write = true};
  set_lock(traits, lock_future_);
  TRY(vmas_.add(more, traits, {}, 0, above));
  account(traits, pages, true);
  return {};
}

}  // namespace meridian
