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

namespace {

const Vma* next_with_tables(const Vma* vma) {
  while (vma != nullptr && !vma->has_tables) vma = VmaTree::next(*vma);
  return vma;
}

}  // namespace

/// One invalidation for all of it, then the frames: until then a TLB may still lead to them.
UserSpace::~UserSpace() {
  CHECK(arch::user_root().table != root_);
  SpaceTlb tlb(asid_);
  tlb.publish();
  if (!seeded(Bug::asid_reused_without_tlbi)) tlb.invalidate_all();
  tlb.finish();
  for (const Vma* vma = next_with_tables(vmas_.first()); vma != nullptr;) {
    UserRange pages = vma->range();
    vma = next_with_tables(VmaTree::next(*vma));
    // Those with pages in the same last table at once: nothing is mapped between them.
    for (; vma != nullptr && Mapper::in_one_table(virt(pages.last()), virt(vma->start()));
         vma = next_with_tables(VmaTree::next(*vma)))
      pages = UserRange::between(pages.start(), vma->end());
    const UserAddr end = vma != nullptr ? vma->start() : vmas_.bounds().end();
    const UserRange hole = UserRange::between(vmas_.bounds().start(), end);
    mapper().release_in_hole(virt(pages), virt(hole), [](Frame frame) {
      if (!is_zero_frame(frame)) drop_user_frame(frame);
    });
  }
  if constexpr (kSelfChecks) CHECK(mapper().is_empty());
  tables_.free_table(root_);
}

LeafRelease UserSpace::release() {
  return {.call = [](void* space,
                     FrameRange frames) { static_cast<UserSpace*>(space)->release_frames(frames); },
          .context = this};
}

/// They are not mapped here any more.
void UserSpace::release_frames(FrameRange frames) {
  note_peak();
  for (u64 i = 0; i < frames.count; ++i) {
    const Frame frame = frames.first + i;
    if (is_zero_frame(frame)) continue;
    --resident_counter(frame);
    drop_user_frame(frame);
  }
}

u64& UserSpace::resident_counter(Frame frame) {
  if (frame_info(frame).owner() == FrameOwner::user) return stats_.anonymous;
  return object_counter(ObjectPage(frame).kind());
}
u64& UserSpace::object_counter(MemoryObject::Kind kind) {
  return kind == MemoryObject::Kind::file ? stats_.file : stats_.shared;
}

/// At each end of a rise: before pages go, and before somebody asks.
void UserSpace::note_peak() {
  if (stats_.resident() > stats_.peak_resident) stats_.peak_resident = stats_.resident();
}

Result<void> UserSpace::unmap(UserAddr start, u64 size) {
  const UserRange range = TRY(whole_pages(start, size, vmas_.bounds()));
  if (range.is_empty()) return Error{Errc::bad_range, size};
  Guard guard(lock_);
  return remove(range);
}

/// Unmaps `range`. Errors as VmaTree::isolate().
Result<void> UserSpace::remove(UserRange range) {
  Vma* above = vmas_.first_ending_after(range.start());  // in the end the first one above `range`
  if (above == nullptr || above->start() >= range.end()) return {};
  Vma& first = *above;
  bool has_tables = first.has_tables;
  const bool at_start = first.start() == range.start(), at_end = first.end() == range.end();
  const bool inside = first.start() <= range.start() && first.end() >= range.end();
  if (inside && at_start != at_end) {
    account(first.traits, range.size() >> kPageShift, false);
    vmas_.trim(first, range);
    if (at_end) above = VmaTree::next(first);
  } else {
    if (!at_start || !at_end) {
      TRY(vmas_.isolate(range));
      above = vmas_.first_ending_after(range.start());
    }
    while (above != nullptr && above->start() < range.end()) {
      Vma& gone = *std::exchange(above, VmaTree::next(*above));
      has_tables |= gone.has_tables;
      account(gone, false);
      vmas_.remove(gone);
    }
  }
  if (has_tables) clear_hole(range, vmas_.hole_below(above), gather());
  return {};
}

/// Unmaps what was mapped in `range`, which lies in `hole`, with the tables that nobody else needs.
void UserSpace::clear_hole(UserRange range, const VmaTree::Hole& hole, Mapper::Gather&& owed) {
  mapper().unmap_in_hole(virt(range), virt(hole.range), owed);
  hole.leave_tables();
}

/// The VMAs stay, and so do the tables.
void UserSpace::clear_pages(UserRange range, Mapper::Gather& owed) {
  mapper().unmap_in_hole(virt(range), virt(range), owed);
}

void UserSpace::reap() {
  Guard guard(lock_);
  is_reaped_ = true;
  Mapper::Gather owed = gather();
  vmas_.for_each(vmas_.bounds(), [&](const Vma& vma) {
    if (vma.has_tables) clear_pages(vma.range(), owed);
  });
}

void UserSpace::unmap_object(MemoryObject& object, u64 first_page) {
  Guard guard(lock_);
  Mapper::Gather owed = gather();
  vmas_.for_each(vmas_.bounds(), [&](Vma& vma) {
    if (vma.object.get() != &object) return;
    object.note_followed(vma.mapping);
    const u64 kept = first_page > vma.first_page ? first_page - vma.first_page : 0;
    if (kept >= vma.pages() || !vma.has_tables) return;
    clear_pages(UserRange::between(vma.start() + (kept << kPageShift), vma.end()), owed);
  });
}

/// A fork on its way.
struct UserSpace::Copying {
  UserSpace& child;
  Mapper::NearSlots slots;  // the child's
  Mapper::Gather owed;      // here: one invalidation for all that was write-protected
};

Result<Ref<UserSpace>> UserSpace::duplicate() {
  Ref<UserSpace> child = TRY(create());
  Guard guard(lock_);
  child->set_limits(limits());
  child->break_start_ = break_start_;
  child->break_ = break_;
  Copying copying{*child, Mapper::NearSlots(child->mapper()), gather()};
  for (Vma* vma = vmas_.first(); vma != nullptr; vma = VmaTree::next(*vma))
    if (!vma->traits.dont_fork) TRY(copy_vma(*vma, copying));
  return child;
}

/// Pages of shared mappings are left out: the child finds them in the object.
Result<void> UserSpace::copy_vma(Vma& vma, Copying& copying) {
  UserSpace& child = copying.child;
  VmaTraits traits = vma.traits;
  set_lock(traits, std::nullopt);
  Vma* const copy = TRY(child.vmas_.make(vma.range(), traits, vma.object, vma.first_page));
  child.account(*copy, true);
  Vma& whole = child.vmas_.append(*copy);
  if (traits.shared || traits.wipe_on_fork || !vma.has_tables) return {};
  whole.has_tables = true;
  return copy_mapped(vma, copying);
}

/// Each page is written to the child's tables beside where it stands here: the two are alike.
Result<void> UserSpace::copy_mapped(const Vma& vma, Copying& copying) {
  const arch::Entry shared = shared_page_entry(vma.traits.protection);
  VirtAddr first = virt(vma.end()), last;  // of those that change here
  u64 anonymous = 0, objects = 0;
  Result<void> result;
  mapper().for_each_last_table(virt(vma.range()), [&](std::span<arch::Entry> slots, VirtAddr va) {
    arch::Entry* copies = nullptr;  // the child's, as from slots[0] on
    Mapper::for_each_leaf(slots, [&](arch::Entry& slot, arch::Entry found) {
      const usize i = static_cast<usize>(&slot - slots.data());
      if (copies == nullptr) [[unlikely]] {
        if (!result.has_value()) return;
        const Result<arch::Entry*> reached = copying.slots.reach(va + i * kPageSize);
        if (!reached.has_value()) return void(result = reached.error());
        copies = reached.value() - i;
      }
      const Frame frame = found.output();
      const arch::Entry wanted = shared.advanced(frame.number());
      store_entry(copies[i], wanted);
      if (wanted != found) {
        store_entry(slot, wanted);
        last = va + i * kPageSize;
        if (last < first) first = last;
      }
      if (is_zero_frame(frame)) return;
      const bool is_anonymous = frame_info(frame).add_reference() == FrameOwner::user;
      ++(is_anonymous ? anonymous : objects);
    });
  });
  copying.child.stats_.anonymous += anonymous;
  if (objects != 0) copying.child.object_counter(vma.object->kind()) += objects;
  if (first <= last && !seeded(Bug::fork_without_tlbi))
    copying.owed.invalidate(first, last - first + kPageSize, kPageSize);
  return result;
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
    if (va.value() < start.value()) return Error{Errc::fault, va.value()};
    const FaultOutcome outcome = resolve_locked(va, how);
    if (outcome == FaultOutcome::out_of_memory) return Error{Errc::out_of_frames, va.value()};
    if (outcome != FaultOutcome::resolved) return Error{Errc::fault, va.value()};
    const Frame frame = Frame::containing(TRY(mapper().physical(virt(va))));
    on_part(KmapLocal(frame).pointer<std::byte>() + inside, done, part);
    done += part;
  }
  return {};
}

SpaceStats UserSpace::stats() {
  Guard guard(lock_);
  note_peak();
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
    mapper().for_each_page(
        virt(UserRange::between(at, end)),
        [&](arch::Entry found, VirtAddr) { count_page(found.output(), counts); });
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
