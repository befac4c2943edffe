// SPDX-License-Identifier: MIT
/// Memory objects: pages of memory that mappings, files and shared memory have in common. A file's
/// contents are one (its page cache), shared anonymous memory is another. A page that nobody has
/// written reads as zeros and has no frame.
#pragma once

#include <atomic>
#include <span>

#include "kernel/lib/list.h"
#include "kernel/lib/ref.h"
#include "kernel/sync/spinlock.h"
#include "mm/user/page_tree.h"
#include "mm/user/transfer.h"
#include "mm/user/user_frame.h"

namespace meridian {

class MemoryObject;
class UserSpace;

/// A place where an object is mapped, as the object knows it: a VMA of a space. It is there as long
/// as the VMA, so that whoever cuts pages off finds all spaces that may have them.
class ObjectMapping {
 public:
  /// Of `object` (or of none: null), in `space`.
  ObjectMapping(MemoryObject* object, UserSpace* space)
      : object_(space == nullptr ? nullptr : object), space_(space) {
    if (object_ != nullptr) [[unlikely]]
      enter();
  }
  ~ObjectMapping() {
    if (object_ != nullptr) [[unlikely]]
      leave();
  }

 private:
  friend class MemoryObject;

  void enter();
  void leave();

  MemoryObject* object_;
  UserSpace* space_;
  u64 followed_ = 0;  // the last cut that its space has followed
  ListHook<ObjectMapping> hook_;
};

/// The part of [offset, offset + left) that lies in one page.
struct PagePiece {
  constexpr PagePiece(u64 offset, u64 left)
      : page(offset >> kPageShift),
        start(offset & (kPageSize - 1)),
        size(left < kPageSize - start ? left : kPageSize - start) {}

  u64 page, start, size;
};

/// Any CPU may call anything at any time; only what resize() and write() do to the size they do one
/// at a time (whose file it is has a lock for that).
class MemoryObject : public RefCounted {
 public:
  /// What /proc counts its mapped pages as.
  enum class Kind : u8 {
    file,    // contents of a file
    shared,  // shared memory without a file
  };
  /// Sizes and offsets are at most this, as in Linux (loff_t).
  static constexpr u64 kMostBytes = (u64{1} << 63) - 1;

  /// An object of `bytes` zeros. Errc::out_of_frames, too_large.
  static Result<Ref<MemoryObject>> create(Kind kind, u64 bytes = 0);
  /// For Ref.
  static void destroy(MemoryObject* object);

  /// A file, as stat(2) tells it from all others.
  struct FileId {
    u64 device = 0, inode = 0;
  };
  /// It is the contents of `file`, which says lose_file() before it goes: the object keeps its id, but
  /// no file alive.
  void become_contents_of(const RefCounted& file, FileId id);
  void lose_file();
  /// All zero if it never was a file's.
  FileId file_id();
  /// A share in that file, whose type the caller knows; empty if it has gone, or never was.
  template <typename T>
  Ref<T> file() {
    return of_.with([](const File& of) {
      if (of.file == nullptr || !of.file->try_add_ref()) return Ref<T>();
      return Ref<T>::adopt(const_cast<T&>(static_cast<const T&>(*of.file)));
    });
  }

  Kind kind() const { return kind_; }
  u64 size() const { return size_.load(std::memory_order_acquire); }
  /// Pages that have a frame.
  u64 resident_pages();

  /// The frame of page `index`, with a reference for the caller; a page that has none gets one, of
  /// zeros. Errc::bad_range if the page begins at or after the end, out_of_frames.
  Result<FrameRef> page(u64 index);
  /// The same for a page that has a frame; an empty FrameRef if it has not.
  FrameRef find(u64 index);

  /// What was cut off reads as zeros when the object grows again. When it returns no program has
  /// any of it any more: not the object's pages, and not its own copies of them. It may sleep, and
  /// takes the locks of the spaces that map the object. Errc::too_large.
  Result<void> resize(u64 bytes);
  /// The space of `mapping`, whose lock the caller holds, has no page that was cut off.
  void note_followed(ObjectMapping& mapping);

  /// Copies from `offset` on; returns how many bytes there were: fewer than asked for at the end,
  /// none after it. Errc::fault, out_of_slots (of kmap) if none could be copied.
  Result<u64> read(u64 offset, ByteSink& to);
  /// Writes from `offset` on, growing the object; returns how many bytes were written: fewer when
  /// memory runs out, or the source's is not there. Errc::out_of_frames, fault, out_of_slots if none
  /// was, too_large (beyond kMostBytes).
  Result<u64> write(u64 offset, ByteSource& from);
  /// The same with the kernel's memory.
  u64 read(u64 offset, std::span<std::byte> to) {
    MemorySink sink(to);
    return read(offset, sink).value_or(0);
  }
  Result<u64> write(u64 offset, std::span<const std::byte> from) {
    MemorySource source(from);
    return write(offset, source);
  }

 private:
  explicit MemoryObject(Kind kind) : kind_(kind) {}
  ~MemoryObject();

  friend class ObjectMapping;

  /// Those that have followed the last cut are behind those that have not.
  struct Mappings {
    List<ObjectMapping, &ObjectMapping::hook_> list;
    u64 cuts = 0;

    void follow(ObjectMapping& mapping);
  };
  enum class Where : u8 { inside, anywhere };  // of the object's size

  Result<FrameRef> obtain(u64 index, Where where);
  Result<u64> write_piece(const PagePiece& piece, ByteSource& from);
  Result<u64> read_piece(const PagePiece& piece, ByteSink& to);
  void grow_to(u64 bytes);
  void cut(PageTree& pages, u64 bytes);
  void unmap_from(u64 page);
  Ref<UserSpace> next_to_follow();

  struct File {
    const RefCounted* file = nullptr;
    FileId id;
  };

  Kind kind_;
  Locked<File> of_;
  std::atomic<u64> size_{0};  // written with pages_ locked
  Locked<PageTree> pages_;
  Locked<Mappings> mappings_;
};

/// What the frame table says of an object's page: of which kind the object is, whether the instruction
/// caches know what was written there last, and how often the kernel wrote there.
class ObjectPage {
 public:
  explicit ObjectPage(Frame frame) : info_(frame_info(frame)) {}

  /// A new page.
  void begin(MemoryObject::Kind kind) { info_.set_word(Kind::encode(kind)); }
  MemoryObject::Kind kind() const { return Kind::decode(info_.word()); }
  /// After the kernel has written to it.
  void note_write() {
    info_.shared_word().fetch_add(kOneWrite);
    info_.shared_word().fetch_and(~IsCode::kSet);
  }
  /// Do the instruction caches know what was written there last?
  bool is_code() const { return IsCode::is_set(info_.shared_word().load()); }
  /// Calls `sync()` unless the caches know already. (If somebody writes meanwhile, they do not.)
  template <typename Sync>
  void make_code(Sync&& sync) {
    u64 before = info_.shared_word().load();
    if (IsCode::is_set(before)) return;
    sync();
    info_.shared_word().compare_exchange_strong(before, before | IsCode::kSet);
  }

 private:
  using Kind = Field<0, 0, MemoryObject::Kind>;
  using IsCode = Bit<1>;
  static constexpr u64 kOneWrite = 4;

  FrameInfo& info_;
};

}  // namespace meridian
