// SPDX-License-Identifier: MIT
/// The window behind kmap(): 1024 slots of one page each, shared by all CPUs (Linux: pkmap). A
/// template over the tables, so that the host tests run it on tables and TLBs of their own. Whoever
/// calls holds the lock that it is kept under.
///
/// A slot is clean (its entry is invalid, and no TLB knows anything else), in use, or lazy: given
/// back, but still mapped. A lazy slot serves at once if its frame is wanted again. All lazy ones
/// become clean together, by one invalidation, when no clean one is left. So no slot leads to
/// another frame while a TLB knows the old one.
#pragma once

#include "mm/kernel/entry_window.h"
#include "mm/paging/gather.h"

namespace meridian {

struct KmapStats {
  u64 slots;
  u64 used, lazy;  // the rest is clean
  u64 flushes;     // invalidations of all lazy slots
};

template <typename Tables>
class KmapWindow {
 public:
  using Entry = typename Tables::Entry;
  static constexpr u64 kSlots = 1024;

  /// Opens the window at `first`, all slots clean. Errc::out_of_frames.
  Result<void> start(Tables& tables, VirtAddr first);

  /// Where `frame` is mapped from now on, until as many calls of unmap(). Errc::out_of_slots.
  Result<VirtAddr> map(Frame frame);
  /// Errc::not_allocated if `frame` is in no slot, or nobody uses it.
  Result<void> unmap(Frame frame);

  KmapStats stats() const { return {kSlots, used_, lazy_, flushes_}; }

 private:
  using Index = u16;
  static constexpr Index kNone = 0xffff;
  static_assert(kSlots < kNone);

  struct Slot {
    Frame frame;
    u32 users;
    Index next;  // in its bucket, or in the list of clean ones
  };

  Index& bucket_of(Frame frame) { return buckets_[frame.number() % kSlots]; }
  Index find(Frame frame);
  Index take_clean(Frame frame);
  void put_clean(Index slot);
  void flush();

  Tables* tables_ = nullptr;
  EntryWindow<Tables, kSlots> window_;
  std::array<Slot, kSlots> slots_{};
  std::array<Index, kSlots> buckets_{};  // of slots that are mapped, by frame number
  Index clean_ = 0;                      // the first
  u64 used_ = 0, lazy_ = 0, flushes_ = 0;
};

template <typename Tables>
Result<void> KmapWindow<Tables>::start(Tables& tables, VirtAddr first) {
  TRY(window_.start(tables, first));
  tables_ = &tables;
  buckets_.fill(kNone);
  clean_ = kNone;
  used_ = lazy_ = flushes_ = 0;
  for (Index slot = kSlots; slot-- != 0;) put_clean(slot);
  return {};
}

/// The slot that `frame` is mapped in, lazy or used.
template <typename Tables>
auto KmapWindow<Tables>::find(Frame frame) -> Index {
  Index slot = bucket_of(frame);
  while (slot != kNone && slots_[slot].frame != frame) slot = slots_[slot].next;
  return slot;
}

template <typename Tables>
Result<VirtAddr> KmapWindow<Tables>::map(Frame frame) {
  Index slot = find(frame);
  if (slot == kNone) {
    if (clean_ == kNone) flush();
    if (clean_ == kNone) return Error{Errc::out_of_slots, kSlots};
    slot = take_clean(frame);
    store_entry(window_[slot], Entry::leaf(Level::L3, frame, kKernelData));
    tables_->tlb().publish();
  } else if (slots_[slot].users == 0) {
    --lazy_;
  }
  if (slots_[slot].users++ == 0) ++used_;
  CHECK(slots_[slot].users != 0);
  return window_.address(slot);
}

template <typename Tables>
Result<void> KmapWindow<Tables>::unmap(Frame frame) {
  const Index slot = find(frame);
  if (slot == kNone || slots_[slot].users == 0)
    return Error{Errc::not_allocated, frame.address().value()};
  if (--slots_[slot].users == 0) {
    --used_;
    ++lazy_;
  }
  return {};
}

template <typename Tables>
auto KmapWindow<Tables>::take_clean(Frame frame) -> Index {
  const Index slot = clean_;
  clean_ = slots_[slot].next;
  slots_[slot] = {frame, 0, bucket_of(frame)};
  bucket_of(frame) = slot;
  return slot;
}

template <typename Tables>
void KmapWindow<Tables>::put_clean(Index slot) {
  slots_[slot] = {Frame(), 0, clean_};
  clean_ = slot;
}

/// Called when no slot is clean: those without users are lazy. One pass over the slots, which makes
/// the buckets anew from those that stay, and one invalidation.
template <typename Tables>
void KmapWindow<Tables>::flush() {
  if (lazy_ == 0) return;
  StaleRanges stale;
  buckets_.fill(kNone);
  for (Index slot = 0; slot < kSlots; ++slot) {
    if (slots_[slot].users != 0) {
      slots_[slot].next = std::exchange(bucket_of(slots_[slot].frame), slot);
      continue;
    }
    store_entry(window_[slot], Entry());
    stale.add(window_.address(slot), kPageSize, kPageSize);
    put_clean(slot);
  }
  tables_->tlb().publish();  // or a walker could read the old entries again
  stale.invalidate(tables_->tlb(), TlbScope::leaf_only);
  tables_->tlb().finish();
  lazy_ = 0;
  ++flushes_;
}

}  // namespace meridian
