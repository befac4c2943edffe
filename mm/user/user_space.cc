// SPDX-License-Identifier: MIT
/// The life of an address space, and the steps that all its operations are made of.
#include "mm/user/user_space.h"

#include <cstring>
#include <new>

#include "kernel/lib/seeded_bugs.h"
#include "mm/slab/kmalloc.h"
#include "mm/user/user_range.h"
#include "mm/user/zero_frame.h"

namespace meridian {

Result<Ref<UserSpace>> UserSpace::create() {
  CountedTables tables;
  void* const memory = TRY(kmalloc(sizeof(UserSpace)));
  const Result<Frame> root = tables.allocate_table();
  if (!root.has_value()) {
    kfree(memory);
    return root.error();
  }
  return Ref<UserSpace>::adopt(*new (memory) UserSpace(root.value(), tables));
}

void UserSpace::destroy(UserSpace* space) {
  space->~UserSpace();
  kfree(space);
}

/// One invalidation for all of it, then the frames: until then a TLB may still lead to them.
UserSpace::~UserSpace() {
  CHECK(arch::user_root().table != root_);
  SpaceTlb tlb(asid_);
  tlb.publish();
  if (!seeded(Bug::asid_reused_without_tlbi)) tlb.invalidate_all();
  tlb.finish();
  Mapper all = mapper();
  for (const Vma* vma = vmas_.first(); vma != nullptr; vma = VmaTree::next(*vma))
    all.for_each_page(virt(vma->range()), [&](arch::Entry& entry, VirtAddr) {
      release_frames({entry.output(), 1});
    });
  all.release_tables();
  tables_.free_table(root_);
}

LeafRelease UserSpace::release() {
  return {.call = [](void* space,
                     FrameRange frames) { static_cast<UserSpace*>(space)->release_frames(frames); },
          .context = this};
}

/// They are not mapped here any more.
void UserSpace::release_frames(FrameRange frames) {
  for (u64 i = 0; i < frames.count; ++i) {
    const Frame frame = frames.first + i;
    if (is_zero_frame(frame)) continue;
    count_resident(frame, false);
    drop_user_frame(frame);
  }
}

void UserSpace::count_resident(Frame frame, bool there) {
  if (is_zero_frame(frame)) return;
  const FrameInfo& info = frame_info(frame);
  u64& count = info.owner() == FrameOwner::user                            ? stats_.anonymous
               : info.word() == static_cast<u64>(MemoryObject::Kind::file) ? stats_.file
                                                                           : stats_.shared;
  count += there ? 1 : ~u64{0};
  if (there && stats_.resident() > stats_.peak_resident) stats_.peak_resident = stats_.resident();
}

void UserSpace::account(const Vma& vma, bool there) {
  const u64 pages = there ? vma.pages() : 0 - vma.pages();
  stats_.mapped += pages;
  if (vma.is_data()) stats_.data += pages;
  if (vma.traits.locked) stats_.locked += pages;
  if (stats_.mapped > stats_.peak_mapped) stats_.peak_mapped = stats_.mapped;
}

/// over_limit unless so many more pages may be mapped.
Result<void> UserSpace::check_room(u64 pages, u64 data_pages) const {
  if (exceeds(stats_.mapped, pages, limits_.address_space)) return Error{Errc::over_limit, pages};
  if (data_pages != 0 && exceeds(stats_.data, data_pages, limits_.data))
    return Error{Errc::over_limit, data_pages};
  return {};
}

Result<void> UserSpace::unmap(UserAddr start, u64 size) {
  const UserRange range = TRY(whole_pages(start, size, vmas_.bounds()));
  if (range.is_empty()) return Error{Errc::bad_range, size};
  Guard guard(lock_);
  return remove(range);
}

/// Unmaps `range`. Errors as VmaTree::isolate().
Result<void> UserSpace::remove(UserRange range) {
  if (vmas_.is_free(range)) return {};
  TRY(vmas_.isolate(range));
  remove_isolated(range);
  return {};
}

void UserSpace::remove_isolated(UserRange range) {
  vmas_.for_each(range, [&](Vma& vma) {
    account(vma, false);
    vmas_.remove(vma);
  });
  Mapper::Gather owed = gather();
  clear_pages(range, owed);
}

void UserSpace::clear_pages(UserRange range, Mapper::Gather& owed) {
  mapper().unmap(virt(range), owed);
}

void UserSpace::unmap_object(MemoryObject& object, u64 first_page) {
  Guard guard(lock_);
  Mapper::Gather owed = gather();
  vmas_.for_each(vmas_.bounds(), [&](Vma& vma) {
    if (vma.object.get() != &object) return;
    object.note_followed(vma.mapping);
    const u64 kept = first_page > vma.first_page ? first_page - vma.first_page : 0;
    if (kept >= vma.pages()) return;
    clear_pages(UserRange::between(vma.start() + (kept << kPageShift), vma.end()), owed);
  });
}

Result<Ref<UserSpace>> UserSpace::duplicate() {
  Ref<UserSpace> child = TRY(create());
  Guard guard(lock_);
  child->set_limits(limits());
  child->break_start_ = break_start_;
  child->break_ = break_;
  Mapper::Gather owed = gather();  // one invalidation for all that was write-protected
  for (Vma* vma = vmas_.first(); vma != nullptr; vma = VmaTree::next(*vma))
    if (!vma->traits.dont_fork) TRY(copy_vma(*vma, *child, owed));
  return child;
}

/// Pages of shared mappings are left out: the child finds them in the object.
Result<void> UserSpace::copy_vma(Vma& vma, UserSpace& child, Mapper::Gather& owed) {
  VmaTraits traits = vma.traits;
  set_lock(traits, std::nullopt);
  Vma& copy = *TRY(child.vmas_.make(vma.range(), traits, vma.object, vma.first_page));
  child.account(copy, true);
  child.vmas_.insert(copy);
  if (traits.shared || traits.wipe_on_fork) return {};

  AttributeChange<arch::Entry> change(Level::L3, shared_page_rights(traits.protection));
  Mapper to = child.mapper();
  return mapper().copy_pages(virt(vma.range()), to, virt(vma.start()),
                             [&](arch::Entry& slot, VirtAddr va) {
                               const arch::Entry found = load_entry(slot);
                               if (change.decide(found) != Change::none) {
                                 change.write_in_place(slot, found);
                                 owed.invalidate(va, kPageSize, kPageSize);
                               }
                               const Frame frame = found.output();
                               if (!is_zero_frame(frame)) frame_info(frame).add_reference();
                               child.count_resident(frame, true);
                               return change.changed(found);
                             });
}

Result<void> UserSpace::write(UserAddr to, std::span<const std::byte> bytes) {
  return access(to, bytes.size(), UserAccess::write, [&](std::byte* page, u64 done, u64 size) {
    std::memcpy(page, &bytes[done], size);
  });
}

Result<void> UserSpace::clear(UserRange range) {
  return access(range.start(), range.size(), UserAccess::write,
                [](std::byte* page, u64, u64 size) { std::memset(page, 0, size); });
}

Result<void> UserSpace::read(UserAddr from, std::span<std::byte> bytes) {
  return access(from, bytes.size(), UserAccess::read, [&](std::byte* page, u64 done, u64 size) {
    std::memcpy(&bytes[done], page, size);
  });
}

/// Calls `on_part(pointer, bytes before it, size)` for the part in each page.
template <typename OnPart>
Result<void> UserSpace::access(UserAddr start, u64 size, UserAccess how, OnPart&& on_part) {
  for (u64 done = 0; done != size;) {
    const UserAddr va = start + done;
    const u64 inside = va.value() & (kPageSize - 1);
    const u64 part = size - done < kPageSize - inside ? size - done : kPageSize - inside;
    Guard guard(lock_);
    if (va.value() < start.value() || resolve_locked(va, how) != FaultOutcome::resolved)
      return Error{Errc::fault, va.value()};
    const Frame frame = Frame::containing(TRY(mapper().physical(virt(va))));
    on_part(KmapLocal(frame).pointer<std::byte>() + inside, done, part);
    done += part;
  }
  return {};
}

SpaceStats UserSpace::stats() {
  Guard guard(lock_);
  return stats_;
}
std::optional<VmaView> UserSpace::vma_above(UserAddr from) {
  Guard guard(lock_);
  const Vma* const vma = vmas_.first_ending_after(from);
  if (vma == nullptr) return {};
  return VmaView{vma->range(), vma->traits, vma->object, vma->first_page};
}

PageCounts UserSpace::count_pages(UserRange range) {
  constexpr u64 kPiece = 2_MiB;
  PageCounts counts;
  for (UserAddr at = range.start(); at < range.end();) {
    const UserAddr end = range.end() - at > kPiece ? at + kPiece : range.end();
    Guard guard(lock_);
    mapper().for_each_page(virt(UserRange::between(at, end)), [&](arch::Entry& entry, VirtAddr) {
      count_page(entry.output(), counts);
    });
    at = end;
  }
  return counts;
}

/// An object's page has one reference from the object, which is no mapping.
void UserSpace::count_page(Frame frame, PageCounts& counts) {
  if (is_zero_frame(frame)) return;
  const FrameInfo& info = frame_info(frame);
  const bool is_anonymous = info.owner() == FrameOwner::user;
  u64 mappings = info.references();
  if (!is_anonymous && mappings > 1) --mappings;
  ++counts.resident;
  if (is_anonymous) ++counts.anonymous;
  if (mappings > 1) ++counts.shared;
  counts.part += kPageSize / mappings;
}

UserAddr UserSpace::break_start() {
  Guard guard(lock_);
  return break_start_;
}
UserRange UserSpace::heap() {
  Guard guard(lock_);
  return UserRange::between(break_start_, break_);
}
u64 UserSpace::table_count() {
  Guard guard(lock_);
  return tables_.count();
}
usize UserSpace::vma_count() {
  Guard guard(lock_);
  return vmas_.count();
}
Result<Translation> UserSpace::translate(UserAddr va) {
  Guard guard(lock_);
  return mapper().translate(virt(va));
}
UserSpace::Mapper::Walk UserSpace::walk(UserAddr va) {
  Guard guard(lock_);
  return mapper().walk(virt(va));
}

}  // namespace meridian
