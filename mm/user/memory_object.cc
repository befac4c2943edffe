// SPDX-License-Identifier: MIT
#include "mm/user/memory_object.h"

#include <cstring>
#include <new>

#include "mm/slab/kmalloc.h"
#include "mm/user/user_space.h"

namespace meridian {
namespace {

void drop_page(void*, Frame frame) { drop_user_frame(frame); }

u64 pages_for(u64 bytes) { return divide_up(bytes, kPageSize); }

}  // namespace

void ObjectMapping::enter() {
  object_->mappings_.with([this](auto& mappings) { mappings.list.push_front(*this); });
}

void ObjectMapping::leave() {
  object_->mappings_.with([this](auto& mappings) { mappings.list.erase(*this); });
}

Result<Ref<MemoryObject>> MemoryObject::create(Kind kind, u64 bytes) {
  if (bytes > kMostBytes) return Error{Errc::too_large, bytes};
  auto object =
      Ref<MemoryObject>::adopt(*new (TRY(kmalloc(sizeof(MemoryObject)))) MemoryObject(kind));
  object->size_ = bytes;
  return object;
}

void MemoryObject::destroy(MemoryObject* object) {
  object->~MemoryObject();
  kfree(object);
}

MemoryObject::~MemoryObject() {
  pages_.with([](PageTree& pages) { pages.remove_from(0, drop_page, nullptr); });
}

void MemoryObject::become_contents_of(const RefCounted& file, FileId id) {
  of_.with([&](File& of) { of = {&file, id}; });
}

void MemoryObject::lose_file() {
  of_.with([](File& of) { of.file = nullptr; });
}

MemoryObject::FileId MemoryObject::file_id() {
  return of_.with([](const File& of) { return of.id; });
}

u64 MemoryObject::resident_pages() {
  return pages_.with([](PageTree& pages) { return pages.count(); });
}

FrameRef MemoryObject::find(u64 index) {
  return pages_.with([&](PageTree& pages) {
    const Frame frame = pages.find(index);
    return frame == Frame() ? FrameRef() : FrameRef::share(frame);
  });
}

Result<FrameRef> MemoryObject::page(u64 index) {
  if (index >= pages_for(size())) return Error{Errc::bad_range, index};
  return obtain(index, Where::inside);
}

/// The new frame is cleared without the lock; whoever puts his in first wins.
Result<FrameRef> MemoryObject::obtain(u64 index, Where where) {
  if (FrameRef found = find(index)) return found;
  FrameRef fresh = TRY(new_zeroed_frame(FrameOwner::page_cache));
  ObjectPage(fresh.frame()).begin(kind_);
  return pages_.with([&](PageTree& pages) -> Result<FrameRef> {
    const Frame found = pages.find(index);
    if (found != Frame()) return FrameRef::share(found);
    // It may have been cut off meanwhile.
    if (where == Where::inside && index >= pages_for(size_)) return Error{Errc::bad_range, index};
    TRY(pages.insert(index, fresh.frame()));
    return FrameRef::share(fresh.let_go());  // one reference is the tree's
  });
}

Result<void> MemoryObject::resize(u64 bytes) {
  if (bytes > kMostBytes) return Error{Errc::too_large, bytes};
  const u64 before = size();
  pages_.with([&](PageTree& pages) {
    if (bytes < before) cut(pages, bytes);
    size_.store(bytes, std::memory_order_release);
  });
  if (pages_for(bytes) < pages_for(before)) unmap_from(pages_for(bytes));
  return {};
}

/// A space that maps one of these pages from now on has looked at the size before it was changed: it
/// holds its lock since then, so it is found here, and waited for. One that copies a mapping (fork,
/// mremap) makes a new one, which comes to the front.
void MemoryObject::unmap_from(u64 page) {
  mappings_.with([](Mappings& mappings) { ++mappings.cuts; });
  while (const Ref<UserSpace> space = next_to_follow()) space->unmap_object(*this, page);
}

/// Without the lock of the mappings the space may only be used by who has a reference; one that has
/// lost its last runs no program any more.
Ref<UserSpace> MemoryObject::next_to_follow() {
  return mappings_.with([](Mappings& mappings) -> Ref<UserSpace> {
    for (;;) {
      ObjectMapping* const first = mappings.list.front();
      if (first == nullptr || first->followed_ == mappings.cuts) return {};
      mappings.follow(*first);
      if (first->space_->try_add_ref()) return Ref<UserSpace>::adopt(*first->space_);
    }
  });
}

void MemoryObject::Mappings::follow(ObjectMapping& mapping) {
  list.erase(mapping);
  list.push_back(mapping);
  mapping.followed_ = cuts;
}

void MemoryObject::note_followed(ObjectMapping& mapping) {
  mappings_.with([&](Mappings& mappings) { mappings.follow(mapping); });
}

/// Drops the pages after the new end, and clears what is after it in its last page.
void MemoryObject::cut(PageTree& pages, u64 bytes) {
  pages.remove_from(pages_for(bytes), drop_page, nullptr);
  const u64 used = bytes & (kPageSize - 1);
  const Frame last = used != 0 ? pages.find(bytes >> kPageShift) : Frame();
  if (last != Frame())
    std::memset(KmapLocal(last).pointer<std::byte>() + used, 0, kPageSize - used);
}

Result<u64> MemoryObject::read_piece(const PagePiece& piece, ByteSink& to) {
  const FrameRef page = find(piece.page);
  if (!page) return to.put_zeros(piece.size);
  const Kmap window = TRY(Kmap::of(page.frame()));
  return to.put({window.pointer<std::byte>() + piece.start, piece.size});
}

Result<u64> MemoryObject::read(u64 offset, ByteSink& to) {
  const u64 end = size();
  if (offset >= end) return u64{0};
  const u64 most = to.left() < end - offset ? to.left() : end - offset;
  for (u64 done = 0; done != most;) {
    const PagePiece piece(offset + done, most - done);
    const Result<u64> moved = read_piece(piece, to);
    if (!moved.has_value() && done == 0) return moved.error();
    done += moved.value_or(0);
    if (moved.value_or(0) != piece.size) break;
  }
  return to.result();
}

Result<u64> MemoryObject::write_piece(const PagePiece& piece, ByteSource& from) {
  const FrameRef page = TRY(obtain(piece.page, Where::anywhere));
  const Kmap window = TRY(Kmap::of(page.frame()));
  const u64 taken = from.take({window.pointer<std::byte>() + piece.start, piece.size});
  ObjectPage(page.frame()).note_write();
  return taken;
}

Result<u64> MemoryObject::write(u64 offset, ByteSource& from) {
  const u64 wanted = from.left();
  if (offset > kMostBytes || wanted > kMostBytes - offset) return Error{Errc::too_large, offset};
  u64 done = 0;
  while (done != wanted) {
    const PagePiece piece(offset + done, wanted - done);
    const Result<u64> moved = write_piece(piece, from);
    if (!moved.has_value() && done == 0) return moved.error();
    done += moved.value_or(0);
    if (moved.value_or(0) != piece.size) break;
  }
  grow_to(done != 0 ? offset + done : 0);
  return from.result();
}

void MemoryObject::grow_to(u64 bytes) {
  pages_.with([&](PageTree&) {
    if (bytes > size_) size_.store(bytes, std::memory_order_release);
  });
}

}  // namespace meridian
