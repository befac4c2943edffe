// SPDX-License-Identifier: MIT
/// madvise, mlock, mincore and msync.
#include "mm/user/user_range.h"
#include "mm/user/user_space.h"

namespace meridian {
namespace {

enum class AdviceKind : u8 {
  unknown,
  hint,      // of what will be used how: nothing to do
  traits,    // changes what the VMAs say
  contents,  // drops pages
  populate,
};

AdviceKind kind_of(Advice advice) {
  switch (advice) {
    case Advice::normal:
    case Advice::random:
    case Advice::sequential:
    case Advice::will_need:
    case Advice::mergeable:
    case Advice::unmergeable:
    case Advice::huge_page:
    case Advice::no_huge_page:
    case Advice::cold:
    case Advice::page_out:
      return AdviceKind::hint;
    case Advice::dont_fork:
    case Advice::do_fork:
    case Advice::dont_dump:
    case Advice::do_dump:
    case Advice::wipe_on_fork:
    case Advice::keep_on_fork:
      return AdviceKind::traits;
    case Advice::dont_need:
    case Advice::dont_need_locked:
    case Advice::free:
      return AdviceKind::contents;
    case Advice::populate_read:
    case Advice::populate_write:
      return AdviceKind::populate;
    case Advice::remove:
      break;
  }
  return AdviceKind::unknown;
}

void apply(VmaTraits& traits, Advice advice) {
  if (advice == Advice::dont_fork) traits.dont_fork = true;
  if (advice == Advice::do_fork) traits.dont_fork = false;
  if (advice == Advice::dont_dump) traits.no_dump = true;
  if (advice == Advice::do_dump) traits.no_dump = false;
  if (advice == Advice::wipe_on_fork) traits.wipe_on_fork = true;
  if (advice == Advice::keep_on_fork) traits.wipe_on_fork = false;
}

/// EINVAL for what makes no sense here.
Result<void> check_advice(const Vma& vma, Advice advice) {
  const bool anonymous = !vma.object;
  const bool refused = (advice == Advice::dont_need && vma.traits.locked) ||
                       (advice == Advice::free && (!anonymous || vma.traits.locked)) ||
                       (advice == Advice::wipe_on_fork && !anonymous);
  if (refused) return Error{Errc::bad_format, vma.start().value()};
  return {};
}

}  // namespace

Result<void> UserSpace::advise(UserAddr start, u64 size, Advice advice) {
  const AdviceKind kind = kind_of(advice);
  if (kind == AdviceKind::unknown) return Error{Errc::bad_format, static_cast<u64>(advice)};
  const UserRange range = TRY(whole_pages(start, size, vmas_.bounds()));
  if (range.is_empty()) return {};
  if (kind == AdviceKind::populate)
    return advise_populate(range,
                           advice == Advice::populate_write ? UserAccess::write : UserAccess::read);
  Guard guard(lock_);
  switch (kind) {
    case AdviceKind::contents:
      TRY(drop_contents(range, advice));
      break;
    case AdviceKind::traits:
      TRY(change_traits(range, advice));
      break;
    case AdviceKind::hint:
    case AdviceKind::populate:
    case AdviceKind::unknown:
      break;
  }
  return check_covered(range);
}

Result<void> UserSpace::drop_contents(UserRange range, Advice advice) {
  Mapper::Gather owed = gather();
  for (Vma* vma = vmas_.first_ending_after(range.start());
       vma != nullptr && vma->start() < range.end(); vma = VmaTree::next(*vma)) {
    TRY(check_advice(*vma, advice));
    clear_pages(intersection(vma->range(), range), owed);
  }
  return {};
}

Result<void> UserSpace::change_traits(UserRange range, Advice advice) {
  TRY(vmas_.isolate(range));
  Result<void> result;
  for (Vma* vma = vmas_.first_ending_after(range.start());
       result.has_value() && vma != nullptr && vma->start() < range.end();
       vma = VmaTree::next(*vma)) {
    result = check_advice(*vma, advice);
    if (result.has_value()) apply(vma->traits, advice);
  }
  vmas_.join(range);
  return result;
}

/// Errc::not_mapped if there is a hole in `range`.
Result<void> UserSpace::check_covered(UserRange range) const {
  if (!vmas_.is_covered(range)) return Error{Errc::not_mapped, range.start().value()};
  return {};
}

/// MADV_POPULATE_READ and _WRITE: EINVAL where the program has no such right, EFAULT beyond the end
/// of an object.
Result<void> UserSpace::advise_populate(UserRange range, UserAccess access) {
  for (UserAddr page = range.start(); page < range.end(); page = page + kPageSize) {
    Guard guard(lock_);
    const FaultOutcome outcome =
        vmas_.find(page) == nullptr ? FaultOutcome::not_mapped : resolve_locked(page, access);
    switch (outcome) {
      case FaultOutcome::resolved:
        break;
      case FaultOutcome::not_mapped:
        return Error{Errc::not_mapped, page.value()};
      case FaultOutcome::no_right:
        return Error{Errc::bad_format, page.value()};
      case FaultOutcome::past_end:
        return Error{Errc::fault, page.value()};
      case FaultOutcome::out_of_memory:
        return Error{Errc::out_of_frames, page.value()};
    }
  }
  return {};
}

/// Gives the pages of `range` their frames, as far as there are VMAs (that are locked, if only
/// those are meant). What a program may write alone is made ready to be written. False, and it
/// ends, when a page cannot be had.
bool UserSpace::populate(UserRange range, Populate which) {
  for (UserAddr page = range.start(); page < range.end(); page = page + kPageSize) {
    Guard guard(lock_);
    if (which == Populate::locked && stats_.locked == 0) return true;
    const Vma* const vma = vmas_.first_ending_after(page);
    if (vma == nullptr || vma->start() >= range.end()) return true;
    const bool wanted =
        which == Populate::all || (vma->traits.locked && !vma->traits.lock_on_touch);
    if (vma->start() > page || !wanted) {
      page = (vma->start() > page ? vma->start() : vma->end()) - kPageSize;
      continue;
    }
    const bool write = vma->is_private() && vma->traits.protection.write;
    const UserAccess access = write ? UserAccess::write : UserAccess::read;
    if (resolve_locked(page, access) != FaultOutcome::resolved) return false;
  }
  return true;
}

Result<void> UserSpace::residency(UserAddr start, u64 size, void (*visit)(void*, u64, bool),
                                  void* context) {
  if (!start.is_aligned(kPageSize)) return Error{Errc::not_aligned, start.value()};
  const Result<UserRange> range = whole_pages(start, size, vmas_.bounds());
  if (!range.has_value()) return Error{Errc::not_mapped, start.value()};
  Guard guard(lock_);
  TRY(check_covered(range.value()));
  for (u64 i = 0; i < range.value().size() >> kPageShift; ++i)
    visit(context, i, is_resident(start + (i << kPageShift)));
  return {};
}

/// As Linux: a page of an object counts when the object has it, mapped here or not.
bool UserSpace::is_resident(UserAddr page) {
  if (mapper().translate(virt(page)).has_value()) return true;
  const Vma* const vma = vmas_.find(page);
  return vma->object && vma->object->find(vma->page_at(page));
}

Result<void> UserSpace::sync(UserAddr start, u64 size, Sync how) {
  if (!start.is_aligned(kPageSize)) return Error{Errc::not_aligned, start.value()};
  const Result<UserRange> range = whole_pages(start, size, vmas_.bounds());
  if (!range.has_value()) return Error{Errc::not_mapped, start.value()};
  Guard guard(lock_);
  bool locked = false;
  vmas_.for_each(range.value(), [&](const Vma& vma) { locked |= vma.traits.locked; });
  if (locked && how.invalidate) return Error{Errc::busy, start.value()};
  return check_covered(range.value());
}

Result<void> UserSpace::lock(UserAddr start, u64 size, Lock when) {
  const UserRange range = TRY(touched_pages(start, size, vmas_.bounds()));
  {
    Guard guard(lock_);
    TRY(may_lock());
    u64 more = range.size() >> kPageShift;
    vmas_.for_each(range, [&](const Vma& vma) {
      if (vma.traits.locked) more -= intersection(vma.range(), range).size() >> kPageShift;
    });
    if (exceeds(stats_.locked, more, limits_.locked)) return Error{Errc::over_limit, more};
    TRY(set_locked(range, when));
  }
  if (!populate(range, Populate::locked)) return Error{Errc::not_mapped, start.value()};
  return {};
}

Result<void> UserSpace::unlock(UserAddr start, u64 size) {
  const UserRange range = TRY(touched_pages(start, size, vmas_.bounds()));
  Guard guard(lock_);
  return set_locked(range, std::nullopt);
}

/// As Linux: changes all up to the first hole, which is ENOMEM.
Result<void> UserSpace::set_locked(UserRange range, std::optional<Lock> lock) {
  if (range.is_empty()) return {};
  TRY(vmas_.isolate(range));
  UserAddr done = range.start();
  for (Vma* vma = vmas_.find(done); vma != nullptr && vma->start() == done && done < range.end();
       vma = VmaTree::next(*vma)) {
    set_lock(*vma, lock);
    done = vma->end();
  }
  vmas_.join(range);
  return check_covered(range);
}

Result<void> UserSpace::lock_all(LockAll which) {
  {
    Guard guard(lock_);
    TRY(may_lock());
    if (which.current && exceeds(0, stats_.mapped, limits_.locked))
      return Error{Errc::over_limit, stats_.mapped};
    lock_future_.reset();
    if (which.future) lock_future_ = which.when;
    if (!which.current) return {};
    set_all_locked(which.when);
  }
  populate(vmas_.bounds(), Populate::locked);  // as Linux: what cannot be had stays away
  return {};
}

void UserSpace::unlock_all() {
  Guard guard(lock_);
  lock_future_.reset();
  set_all_locked(std::nullopt);
}

void UserSpace::set_all_locked(std::optional<Lock> lock) {
  for (Vma* vma = vmas_.first(); vma != nullptr; vma = VmaTree::next(*vma)) set_lock(*vma, lock);
  vmas_.join(vmas_.bounds());
}

/// Locks what is mapped, or ends that.
void UserSpace::set_lock(Vma& vma, std::optional<Lock> lock) {
  account(vma, false);
  set_lock(vma.traits, lock);
  account(vma, true);
}

void UserSpace::set_lock(VmaTraits& traits, std::optional<Lock> lock) {
  traits.locked = lock.has_value();
  traits.lock_on_touch = lock == Lock::on_touch;
}

}  // namespace meridian
