// SPDX-License-Identifier: MIT
/// The gather: what an unmap still owes. It holds the addresses whose translations a TLB may still
/// have, and the frames (tables, and leaves if somebody wants them) that nobody may reuse before
/// the TLBs have forgotten them. Its destructor pays: publish, invalidate, wait, and only then
/// free. There is no other way to free a table. It allocates nothing: when an array is full, it
/// pays early.
#pragma once

#include <array>
#include <type_traits>

#include "kernel/lib/seeded_bugs.h"
#include "mm/paging/format.h"
#include "mm/range.h"

namespace meridian {

/// Who gets the frames of unmapped leaves once no TLB can reach them. Without `call` they are
/// nobody's concern (the caller knows them).
struct LeafRelease {
  void (*call)(void* context, FrameRange frames) = nullptr;
  void* context = nullptr;
};

/// The addresses to invalidate: a few ranges that grow while they are adjacent, or everything.
class StaleRanges {
 public:
  /// More operations than this, each of which all CPUs hear of, cost more than it costs to refill what a
  /// TLB holds of one space.
  static constexpr u64 kMaxOperations = 128;

  /// One entry each `stride` bytes of [start, start + size) is stale.
  void add(VirtAddr start, u64 size, u64 stride) {
    if (count_ != 0) {
      Stale& newest = stale_[count_ - 1];
      const u64 offset = start.value() - newest.start;
      if (stride == newest.stride && offset == newest.size) {
        newest.size += size;
        return;
      }
      const bool covered = offset < newest.size && size <= newest.size - offset;
      if (covered && stride >= newest.stride) return;
    }
    if (count_ == stale_.size())
      everything_ = true;
    else
      stale_[count_++] = {start.value(), size, stride};
  }
  /// Adds all of `other`, of the same address space.
  void add(const StaleRanges& other) {
    for (usize i = 0; i < other.count_; ++i)
      add(VirtAddr(other.stale_[i].start), other.stale_[i].size, other.stale_[i].stride);
    everything_ |= other.everything_;
  }
  bool is_empty() const { return count_ == 0; }
  void clear() { count_ = 0, everything_ = false; }

  /// Asks `tlb` for each, or for the whole space if that is cheaper; complete after its finish().
  template <Tlb T>
  void invalidate(T& tlb, TlbScope scope) const {
    u64 operations = 0;
    for (usize i = 0; i < count_; ++i) operations += stale_[i].size / stale_[i].stride;
    if (everything_ || operations > kMaxOperations) {
      if (seeded(Bug::unmap_of_many_pages_without_tlbi)) return;
      return tlb.invalidate_all();
    }
    for (usize i = 0; i < count_; ++i)
      tlb.invalidate(VirtAddr(stale_[i].start), stale_[i].size, stale_[i].stride, scope);
  }

 private:
  struct Stale {
    u64 start, size, stride;
  };

  // Read only below count_, so an unmap does not zero it first.
  std::array<Stale, 4> stale_;
  u32 count_ = 0;
  bool everything_ = false;
};

/// One for each unmap, or one for many of the same address space (`Mapper::unmap(range, gather)`,
/// or merge()). Until it is flushed, neither the addresses nor the frames may be used again; and if
/// the space is Sharing::exclusive nothing new may be mapped in it, since that could link a new
/// table where a TLB still knows the old one.
template <typename Store, Tlb T>
class [[nodiscard]] Gather {
 public:
  explicit Gather(Store& store, T tlb, LeafRelease release = {})
      : store_(&store), tlb_(tlb), release_(release) {}
  ~Gather() { flush(); }
  Gather(Gather&& other) noexcept
      : store_(other.store_), tlb_(other.tlb_), release_(other.release_) {
    merge(std::move(other));
  }
  Gather& operator=(Gather&&) = delete;

  /// The translations of [start, start + size), one each `stride` bytes, were removed or changed.
  void invalidate(VirtAddr start, u64 size, u64 stride) {
    stale_.add(start, seeded(Bug::unmap_of_first_page_only) ? stride : size, stride);
  }

  /// The table through which `va` was translated is no longer linked. It is freed after the flush.
  void unlink(Frame table, VirtAddr va) {
    stale_.add(va, kPageSize, kPageSize);
    if (!seeded(Bug::unlinked_table_kept_in_walks)) scope_ = TlbScope::all_levels;
    if (table_count_ == tables_.size()) flush();
    tables_[table_count_++] = table.number();
  }

  /// True if leaves are to be handed to release().
  bool wants_leaves() const { return release_.call != nullptr; }

  /// These frames were mapped where invalidate() said: they go to the LeafRelease after the flush.
  void release(FrameRange frames) {
    if (follows_newest(frames)) {
      leaves_[leaf_count_ - 1].count += frames.count;
      return;
    }
    if (leaf_count_ == leaves_.size()) flush();
    leaves_[leaf_count_++] = {frames.first.number(), frames.count};
  }
  /// Will release() not have to flush?
  bool has_room_for(FrameRange frames) const {
    return leaf_count_ != leaves_.size() || follows_newest(frames);
  }

  /// Takes over what `other`, of the same address space and with the same LeafRelease, still owes.
  void merge(Gather&& other) {
    stale_.add(other.stale_);
    if (other.scope_ == TlbScope::all_levels) scope_ = TlbScope::all_levels;
    for (usize i = 0; i < other.table_count_; ++i) {
      if (table_count_ == tables_.size()) flush();
      tables_[table_count_++] = other.tables_[i];
    }
    for (usize i = 0; i < other.leaf_count_; ++i)
      release({Frame::from_number(other.leaves_[i].first), other.leaves_[i].count});
    other.forget();
  }

  bool is_empty() const { return stale_.is_empty() && table_count_ == 0 && leaf_count_ == 0; }

  /// Pays now. Afterwards no CPU can reach what was unmapped, and its frames are free.
  void flush() {
    if (is_empty()) return;
    if (seeded(Bug::free_before_tlbi)) free_all();
    // Or a walker could read the old entries again after the invalidation.
    if (!seeded(Bug::unmap_without_dsb)) tlb_.publish();
    if (!seeded(Bug::unmap_without_tlbi)) stale_.invalidate(tlb_, scope_);
    // Until then a CPU may still be using an old translation.
    if (!seeded(Bug::unmap_without_completion)) tlb_.finish();
    if (!seeded(Bug::free_before_tlbi)) free_all();
    forget();
  }

 private:
  struct Leaves {
    u64 first, count;
  };

  bool follows_newest(FrameRange frames) const {
    if (leaf_count_ == 0) return false;
    const Leaves& newest = leaves_[leaf_count_ - 1];
    return newest.first + newest.count == frames.first.number();
  }
  void free_all() {
    for (usize i = 0; i < table_count_; ++i) store_->free_table(Frame::from_number(tables_[i]));
    for (usize i = 0; i < leaf_count_; ++i)
      release_.call(release_.context, {Frame::from_number(leaves_[i].first), leaves_[i].count});
  }
  void forget() {
    stale_.clear();
    scope_ = TlbScope::leaf_only;
    table_count_ = leaf_count_ = 0;
  }

  Store* store_;
  [[no_unique_address]] T tlb_;
  LeafRelease release_;
  StaleRanges stale_;
  TlbScope scope_ = TlbScope::leaf_only;
  u32 table_count_ = 0, leaf_count_ = 0;
  std::array<u64, 8> tables_;  // read only below their counts
  std::array<Leaves, 16> leaves_;
};

}  // namespace meridian
