// SPDX-License-Identifier: MIT
/// The frame table: 16 bytes for each frame of memory, in one array of virtual addresses that is
/// backed by memory piece by piece, where frames are used. A block of 2^order frames speaks through
/// the entry of its first frame; the entries of the others are `none`. (A slab writes every entry,
/// because an object may lie in any of its frames.)
///
/// Invariants: an entry of unbacked or untouched memory is all zero, which reads as `none`. An
/// entry changes only by its owner's hand: the zone's lock for `free`, the CPU (with interrupts
/// masked) for `cached`, whoever allocated it for the rest. Any CPU may read `head`; so it is
/// atomic.
#pragma once

#include <atomic>

#include "kernel/lib/bits.h"
#include "kernel/lib/result.h"
#include "kernel/lib/self_checks.h"
#include "mm/range.h"

namespace meridian {

/// Blocks have 2^0 to 2^kMaxOrder frames.
inline constexpr unsigned kMaxOrder = 10;
inline constexpr u64 kMaxBlockFrames = u64{1} << kMaxOrder;

enum class FrameOwner : u8 {
  none,         // not the first frame of a block: the first one speaks for it
  free,         // in a zone's free lists
  cached,       // free, in a CPU's cache
  reserved,     // never given out: image, device tree, holes in the map
  table,        // a translation table
  frame_table,  // memory behind a part of this table
  slab,         // kmalloc up to 8 KiB, and typed objects
  kmalloc,      // larger ones
  kernel,       // the kernel's own: stacks, buffers, whoever asked by hand
  vmalloc,
  user,
  page_cache,
};

/// One or two lower-case words.
const char* name_of(FrameOwner owner);

/// One frame's entry. Which fields of the two words mean something depends on the owner.
class FrameInfo {
 public:
  using Owner = Field<7, 0, FrameOwner>;
  using Poisoned = Bit<8>;  // freed and filled with a pattern (self-checking builds)
  using Order = Field<15, 12>;
  using Allocated = Bit<16>;
  using Normal = Bit<17>;       // allocated, and of the NORMAL zone, so a CPU's cache may keep it
  using Cache = Field<25, 18>;  // slab: which cache
  using Next =
      Field<63, 28>;  // free, cached, slab: frame number of the next in the list, 0 at its end
  using Previous = Field<63, 28>;  // in the other word: the one before it in the list, or 0
  using FurtherReferences = Field<63, 28>;  // other allocated ones: references beyond the first

  FrameOwner owner() const { return Owner::decode(head()); }
  unsigned order() const { return static_cast<unsigned>(Order::decode(head())); }
  bool is_allocated() const { return Allocated::is_set(head()); }
  /// The whole word, read once, for questions about more than one field.
  u64 head() const { return head_.load(std::memory_order_relaxed); }

  /// Replaces the word; Poisoned stays as it is in builds that use it.
  void set_head(u64 head) {
    if constexpr (kSelfChecks) head |= this->head() & Poisoned::kSet;
    head_.store(head, std::memory_order_relaxed);
  }
  void set_poisoned(bool poisoned) {
    head_.store(Poisoned::replace(head(), poisoned), std::memory_order_relaxed);
  }

  /// The links of a list (frame_list.h): the other bits of the words stay.
  u64 previous() const { return Previous::decode(word_); }
  void set_previous(u64 previous) {
    word_ = (word_ & ~Previous::kMask) | previous << Previous::kLow;
  }
  void set_next(u64 next) { set_head((head() & ~Next::kMask) | next << Next::kLow); }
  /// True for the first entry of a block of `order` in a zone's free list.
  bool is_free_block(unsigned order) const {
    constexpr u64 kMask = Owner::kMask | Order::kMask;
    return (head() & kMask) == linked(FrameOwner::free, order, 0);
  }

  /// A word for whoever allocated the block; undefined until set.
  u64 word() const { return word_; }
  void set_word(u64 word) { word_ = word; }
  /// For a word that several CPUs change at once.
  std::atomic_ref<u64> shared_word() { return std::atomic_ref(word_); }

  /// References to an allocated block: 1 when it is given out.
  u64 references() const { return FurtherReferences::decode(head()) + 1; }
  /// Is it `owner`'s, with one reference? Of an allocated block.
  bool is_sole(FrameOwner owner) const {
    return (head() & (Owner::kMask | FurtherReferences::kMask)) == Owner::encode(owner);
  }
  /// Returns whose frame it is.
  FrameOwner add_reference() {
    return Owner::decode(head_.fetch_add(kOneReference, std::memory_order_relaxed));
  }
  /// Gives one reference back and returns how many are left. The last one is not given back: at 0
  /// the caller is the only owner, and must free the block.
  u64 drop_reference() {
    // Acquire: the last owner must see what the others did before they let go.
    u64 head = head_.load(std::memory_order_acquire);
    while (FurtherReferences::decode(head) != 0)
      if (head_.compare_exchange_weak(head, head - kOneReference, std::memory_order_acq_rel,
                                      std::memory_order_acquire))
        return FurtherReferences::decode(head);
    return 0;
  }

  /// The word of the first frame of a block that was just given out.
  static constexpr u64 allocated(FrameOwner owner, unsigned order, bool normal) {
    return static_cast<u64>(owner) | u64{order} << Order::kLow | Allocated::kSet |
           (normal ? Normal::kSet : 0);
  }
  /// Of a free or cached block that is linked to `next`.
  static constexpr u64 linked(FrameOwner owner, unsigned order, u64 next) {
    return static_cast<u64>(owner) | u64{order} << Order::kLow | next << Next::kLow;
  }
  /// Of a frame that never goes back to a zone.
  static constexpr u64 kept(FrameOwner owner) { return static_cast<u64>(owner); }
  /// True if `head` is the first entry of an allocated block of `order` in the NORMAL zone with one
  /// reference: one comparison for all that makes a free legal and cheap.
  static constexpr bool is_sole_normal(u64 head, unsigned order) {
    return head >> Order::kLow == (order | (Allocated::kSet | Normal::kSet) >> Order::kLow);
  }

 private:
  static constexpr u64 kOneReference = u64{1} << FurtherReferences::kLow;

  std::atomic<u64> head_;
  u64 word_;
};
static_assert(sizeof(FrameInfo) == 16);

/// The array. It knows where it lies, not which parts of it are backed: frame_state() in frames.h
/// answers for any frame at all, this only for frames that the allocator has given out or manages.
class FrameTable {
 public:
  constexpr FrameTable() = default;
  /// `table` is the address of the entry of `first`.
  FrameTable(VirtAddr table, Frame first)
      : origin_(table.value() - first.number() * sizeof(FrameInfo)), first_(first) {}

  FrameInfo& operator[](Frame frame) const {
    return *reinterpret_cast<FrameInfo*>(origin_ + frame.number() * sizeof(FrameInfo));
  }
  Frame first() const { return first_; }
  /// The addresses of the entries of [frames].
  VirtRange entries(FrameRange frames) const {
    return {VirtAddr(origin_ + frames.first.number() * sizeof(FrameInfo)),
            frames.count * sizeof(FrameInfo)};
  }

 private:
  u64 origin_ = 0;  // where the entry of frame 0 would be: it makes an access one addition
  Frame first_;
};

/// Where TableBacking takes frames for translation tables from.
class SpareFrames {
 public:
  /// A frame that the linear map reaches, not zeroed; it never comes back.
  virtual Result<Frame> take() = 0;

 protected:
  ~SpareFrames() = default;
};

/// Puts memory behind parts of the frame table: the kernel's address space does it, on the host a
/// test.
class TableBacking {
 public:
  /// Maps `table` (whole pages of the frame table's region, not mapped so far) to consecutive
  /// frames from `memory` on: writable, never executable. It is called from inside alloc_frames(),
  /// by one CPU at a time, interrupts masked: it takes frames for tables from `spare` only, never
  /// from alloc_frames(), and takes no lock under which frames are allocated. (It needs none:
  /// nobody else changes the tables of this region, and entries only go from invalid to valid.) On
  /// an error nothing is mapped.
  virtual Result<void> back(VirtRange table, Frame memory, SpareFrames& spare) = 0;

 protected:
  ~TableBacking() = default;
};

}  // namespace meridian
