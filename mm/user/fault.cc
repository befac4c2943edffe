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

bool grants(const Attributes& attributes, UserAccess access) {
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

}  // namespace

/// What was written to `frame` will be executed.
void sync_frame(Frame frame) {
  const KmapLocal window(frame);
  arch::sync_instructions({VirtAddr::of(window.pointer()), kPageSize});
}

FaultOutcome UserSpace::resolve(UserAddr va, UserAccess access) {
  Guard guard(lock_);
  const FaultOutcome outcome = resolve_locked(va, access);
  if (outcome == FaultOutcome::resolved) ++stats_.minor_faults;
  return outcome;
}

FaultOutcome UserSpace::resolve_locked(UserAddr va, UserAccess access) {
  const UserAddr page = va.align_down(kPageSize);
  if (!vmas_.bounds().contains(va)) return FaultOutcome::not_mapped;
  const Vma* const vma = vma_for_fault(page);
  if (vma == nullptr) return FaultOutcome::not_mapped;
  if (!permits(vma->traits.protection, access)) return FaultOutcome::no_right;

  const Result<Translation> mapped = mapper().translate(virt(page));
  if (!mapped.has_value()) return resolve_missing(*vma, page, access);
  // Another CPU may have been first; or the page is only read-only until it is copied.
  if (grants(mapped.value().attributes, access)) return FaultOutcome::resolved;
  CHECK(access == UserAccess::write);
  return resolve_write(*vma, page, Frame(mapped.value().pa));
}

/// The VMA of `page`; if there is none, a stack above that can grow down to it.
Vma* UserSpace::vma_for_fault(UserAddr page) {
  Vma* const vma = vmas_.first_ending_after(page);
  if (vma == nullptr || vma->start() <= page) return vma;
  return vma->traits.grows_down && grow_stack(*vma, page) ? vma : nullptr;
}

bool UserSpace::grow_stack(Vma& stack, UserAddr page) {
  const u64 pages = (stack.start() - page) >> kPageShift;
  if (stack.end() - page > limits_.stack || page < user_layout().lowest) return false;
  if (page.value() < kStackGuardGap || !is_clear_below(page)) return false;
  if (!check_room(pages, 0).has_value()) return false;
  if (stack.traits.locked && exceeds(stats_.locked, pages, limits_.locked)) return false;
  account(stack, false);
  vmas_.extend_down(stack, page);
  account(stack, true);
  return true;
}

/// Is there no memory that somebody could use so near below `page` that a stack might run into it?
bool UserSpace::is_clear_below(UserAddr page) const {
  const Vma* const near = vmas_.first_ending_after(page - kStackGuardGap);
  if (near == nullptr || near->start() >= page) return true;
  return near->traits.grows_down || near->traits.protection == Protection{};
}

FaultOutcome UserSpace::resolve_missing(const Vma& vma, UserAddr page, UserAccess access) {
  const bool write = access == UserAccess::write;
  const Attributes rights = vma.is_private() && !write ? shared_page_rights(vma.traits.protection)
                                                       : page_rights(vma.traits.protection);
  if (!vma.object) {
    if (!write) {
      const Result<Frame> zeros = zero_frame();
      if (!zeros.has_value()) return FaultOutcome::out_of_memory;
      return map_page(page, zeros.value(), rights);
    }
    return map_fresh(page, new_zeroed_frame(FrameOwner::user), rights);
  }
  Result<FrameRef> frame = vma.object->page(vma.page_at(page));
  if (!frame.has_value() && frame.error().code == Errc::bad_range) return FaultOutcome::past_end;
  if (frame.has_value() && vma.is_private() && write)
    return map_fresh(page, copy_of(frame.value().frame()), rights);
  return map_fresh(page, std::move(frame), rights);
}

/// Maps `frame`, whose reference becomes the mapping's.
FaultOutcome UserSpace::map_fresh(UserAddr page, Result<FrameRef> frame, const Attributes& rights) {
  if (!frame.has_value()) return FaultOutcome::out_of_memory;
  FrameRef ours = frame.take();
  const FaultOutcome outcome = map_page(page, ours.frame(), rights);
  if (outcome == FaultOutcome::resolved) ours.let_go();
  return outcome;
}

FaultOutcome UserSpace::map_page(UserAddr page, Frame frame, const Attributes& rights) {
  if (rights.execute) sync_frame(frame);
  if (!mapper().map_pages(virt(page), {&frame, 1}, rights).has_value())
    return FaultOutcome::out_of_memory;
  count_resident(frame, true);
  return FaultOutcome::resolved;
}

/// A write to a page that is mapped read-only: whoever shares its frame must not see it.
FaultOutcome UserSpace::resolve_write(const Vma& vma, UserAddr page, Frame mapped) {
  const Attributes rights = page_rights(vma.traits.protection);
  if (vma.traits.shared || is_sole_owner(mapped)) {
    mapper().replace_page(virt(page), mapped, rights).value();  // no block to split: it works
    return FaultOutcome::resolved;
  }
  Result<FrameRef> fresh =
      is_zero_frame(mapped) ? new_zeroed_frame(FrameOwner::user) : copy_of(mapped);
  if (!fresh.has_value()) return FaultOutcome::out_of_memory;
  const Frame copy = fresh.take().let_go();
  mapper().replace_page(virt(page), copy, rights).value();
  count_resident(copy, true);
  release_frames({mapped, 1});  // no TLB leads there any more
  return FaultOutcome::resolved;
}

/// Is this anonymous memory that nobody else has?
bool UserSpace::is_sole_owner(Frame frame) {
  const FrameInfo& info = frame_info(frame);
  return info.owner() == FrameOwner::user && info.references() == 1;
}

}  // namespace meridian
