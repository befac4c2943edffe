// SPDX-License-Identifier: MIT
/// Faults become pages: zeros on demand, pages of an object, copies on write, stacks that grow.
#include "mm/user/fault.h"

#include <arch/memory.h>

#include "mm/user/user_layout.h"
#include "mm/user/user_range.h"
#include "mm/user/user_space.h"
#include "mm/user/zero_frame.h"

namespace meridian {
namespace {

Result<FrameRef> copy_of(Frame frame) {
  FrameRef fresh = FrameRef::adopt(TRY(alloc_frame(FrameOwner::user, ZoneKind::highmem)));
  arch::copy_page(KmapLocal(fresh.frame()).pointer(), KmapLocal(frame).pointer());
  return fresh;
}

bool grants(arch::Entry entry, UserAccess access) {
  const Attributes attributes = entry.attributes(Level::L3);
  if (!attributes.user) return false;
  switch (access) {
    case UserAccess::read:
      return true;
    case UserAccess::write:
      return attributes.write;
    case UserAccess::execute:
      return attributes.execute;
  }
  UNREACHABLE();
}

[[gnu::noinline]] void sync_instructions(Frame frame) {
  const auto sync = [frame] {
    const KmapLocal window(frame);
    arch::sync_instructions({VirtAddr::of(window.pointer()), kPageSize});
  };
  if (frame_info(frame).owner() == FrameOwner::page_cache) return ObjectPage(frame).make_code(sync);
  sync();
}

}  // namespace

void make_executable(Frame frame) {
  const bool is_code =
      frame_info(frame).owner() == FrameOwner::page_cache && ObjectPage(frame).is_code();
  if (!is_code) [[unlikely]]
    sync_instructions(frame);
}

FaultOutcome UserSpace::resolve(UserAddr va, UserAccess access) {
  Guard guard(lock_);
  const FaultOutcome outcome = resolve_locked(va, access);
  if (outcome == FaultOutcome::resolved) [[likely]]
    ++stats_.minor_faults;
  return outcome;
}

/// A page that is not there.
struct UserSpace::Missing {
  Vma& vma;
  UserAddr page;
  arch::Entry* slot;  // where it is to be entered; null: there is no table yet
  bool write;         // it is to be written, not only read

  /// What others have, too, is copied before it is written; so only then it may be.
  arch::Entry entry() const {
    const Protection& protection = vma.traits.protection;
    return vma.is_private() && !write ? shared_page_entry(protection) : page_entry(protection);
  }
};

FaultOutcome UserSpace::resolve_locked(UserAddr va, UserAccess access) {
  const UserAddr page = va.align_down(kPageSize);
  Vma* vma = vmas_.first_ending_after(page);
  if (vma != nullptr && page < vma->start()) [[unlikely]]
    vma = grown_down_to(page, *vma);
  if (vma == nullptr) [[unlikely]]
    return FaultOutcome::not_mapped;
  if (!permits(vma->traits.protection, access)) [[unlikely]]
    return FaultOutcome::no_right;
  if (is_reaped_) [[unlikely]]
    return FaultOutcome::out_of_memory;

  arch::Entry* const slot = mapper().find_page(virt(page));
  if (slot != nullptr && load_entry(*slot).kind(Level::L3) == Kind::leaf)
    return resolve_present(*vma, page, *slot, access);
  return resolve_missing({*vma, page, slot, access == UserAccess::write});
}

/// The VMA of `page`, which lies below `stack`, if that is one that can grow so far; else null.
Vma* UserSpace::grown_down_to(UserAddr page, Vma& stack) {
  return stack.traits.grows_down && grow_stack(stack, page) ? vmas_.find(page) : nullptr;
}

bool UserSpace::grow_stack(Vma& stack, UserAddr page) {
  const u64 pages = (stack.start() - page) >> kPageShift;
  if (stack.end() - page > limits_.stack || page < user_layout().lowest) return false;
  if (page.value() < kStackGuardGap || !is_clear_below(page)) return false;
  if (!check_room(pages, 0).has_value()) return false;
  if (stack.traits.locked && exceeds(stats_.locked, pages, limits_.locked)) return false;
  account(stack.traits, pages, true);
  vmas_.extend_down(stack, page);
  return true;
}

/// Is there no memory that somebody could use so near below `page` that a stack might run into it?
bool UserSpace::is_clear_below(UserAddr page) const {
  const Vma* const near = vmas_.first_ending_after(page - kStackGuardGap);
  if (near == nullptr || near->start() >= page) return true;
  return near->traits.grows_down || near->traits.protection == Protection{};
}

/// A table is linked before the frame is had: if there is none, the table waits for the next fault.
[[gnu::always_inline]] inline FaultOutcome UserSpace::resolve_missing(Missing missing) {
  if (missing.slot == nullptr) [[unlikely]] {
    const Result<arch::Entry*> reached = mapper().reach_page(virt(missing.page));
    if (!reached.has_value()) return FaultOutcome::out_of_memory;
    missing.slot = reached.value();
  }
  missing.vma.has_tables = true;
  if (missing.vma.object) [[unlikely]]
    return map_object_page(missing);
  if (missing.write) return map_fresh_zeros(missing);
  const Result<Frame> zeros = zero_frame();
  if (!zeros.has_value()) [[unlikely]]
    return FaultOutcome::out_of_memory;
  enter(missing, zeros.value());
  return FaultOutcome::resolved;
}

[[gnu::always_inline]] inline FaultOutcome UserSpace::map_fresh_zeros(const Missing& missing) {
  const Result<Frame> fresh = alloc_frame(FrameOwner::user, ZoneKind::highmem);
  if (!fresh.has_value()) [[unlikely]]
    return FaultOutcome::out_of_memory;
  arch::clear_page(KmapLocal(fresh.value()).pointer());
  enter(missing, fresh.value());
  ++stats_.anonymous;
  return FaultOutcome::resolved;
}

FaultOutcome UserSpace::map_object_page(const Missing& missing) {
  const Vma& vma = missing.vma;
  Result<FrameRef> frame = vma.object->page(vma.page_at(missing.page));
  if (!frame.has_value())
    return frame.error().code == Errc::bad_range ? FaultOutcome::past_end
                                                 : FaultOutcome::out_of_memory;
  const bool is_copied = vma.is_private() && missing.write;
  if (is_copied) frame = copy_of(frame.value().frame());
  if (!frame.has_value()) return FaultOutcome::out_of_memory;
  enter(missing, frame.take().let_go());  // the reference is the mapping's
  ++(is_copied ? stats_.anonymous : object_counter(vma.object->kind()));
  return FaultOutcome::resolved;
}

[[gnu::always_inline]] inline void UserSpace::enter(const Missing& missing, Frame frame) {
  if (missing.vma.traits.protection.execute) [[unlikely]]
    make_executable(frame);
  store_entry(*missing.slot, missing.entry().advanced(frame.number()));
  if (!seeded(Bug::map_without_publishing)) SpaceTlb(asid_).publish();
}

/// Another CPU may have been first; or the page is only read-only until it is copied: whoever
/// shares its frame must not see what is written.
FaultOutcome UserSpace::resolve_present(const Vma& vma, UserAddr page, arch::Entry& slot,
                                        UserAccess access) {
  const arch::Entry found = load_entry(slot);
  if (grants(found, access)) return FaultOutcome::resolved;
  CHECK(access == UserAccess::write);
  const arch::Entry rights = page_entry(vma.traits.protection);
  const Frame mapped = found.output();
  SpaceTlb tlb(asid_);
  if (vma.traits.shared || is_sole_owner(mapped)) {
    const arch::Entry wanted = rights.advanced(mapped.number());
    if constexpr (kSelfChecks) CHECK(change_between(Level::L3, found, wanted) == Change::in_place);
    store_entry(slot, wanted);
    tlb.publish();
    tlb.invalidate(virt(page), kPageSize, kPageSize, TlbScope::leaf_only);
    tlb.finish();
    return FaultOutcome::resolved;
  }
  const bool was_zeros = is_zero_frame(mapped);
  Result<FrameRef> fresh = was_zeros ? new_zeroed_frame(FrameOwner::user) : copy_of(mapped);
  if (!fresh.has_value()) return FaultOutcome::out_of_memory;
  const Frame copy = fresh.take().let_go();
  break_unit(LeafUnit<arch::Entry>{&slot, 1, Level::L3, virt(page), kPageSize}, tlb);
  store_entry(slot, rights.advanced(copy.number()));
  tlb.publish();
  release_frames({mapped, 1});  // no TLB leads there any more
  ++stats_.anonymous;
  return FaultOutcome::resolved;
}

}  // namespace meridian
