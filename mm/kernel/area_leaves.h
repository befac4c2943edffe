// SPDX-License-Identifier: MIT
/// What the leaves of an area are made of, and how they go: three sources of frames that fill
/// entries of one table in order, and the release of parked entries that give frames back.
#pragma once

#include <concepts>
#include <optional>
#include <span>

#include "mm/kernel/parked_entries.h"
#include "mm/kernel/vmalloc.h"
#include "mm/paging/attributes.h"

namespace meridian {

/// What vmalloc needs from the kernel around it; the host tests have their own. It is copied
/// freely.
template <typename B>
concept VmallocBacking = requires(B b, unsigned order, Frame frame, usize bytes, void* memory,
                                  u64 count) {
  typename B::Tables;  // a KernelTables
  { b.tables() } -> std::same_as<typename B::Tables&>;
  { b.alloc_frames(order) } -> std::same_as<Result<Frame>>;  // 2^order, aligned, contiguous
  { b.free_frames(frame, order) } -> std::same_as<void>;
  { b.order_of(frame) } -> std::same_as<unsigned>;  // of a block that alloc_frames() gave
  { b.alloc_record(bytes) } -> std::same_as<Result<void*>>;
  { b.free_record(memory) } -> std::same_as<void>;
  { b.zero(frame, count) } -> std::same_as<void>;
  // Pages that one TLB entry may hold: a contiguous group of L3 leaves, and an L2 leaf.
  { B::kRunOrder } -> std::convertible_to<unsigned>;
  { B::kBlockOrder } -> std::convertible_to<unsigned>;
};

/// Frames taken from the allocator: blocks and contiguous runs where addresses, size and free
/// memory allow, single frames otherwise, so that fragmented memory serves too. A warm area has
/// some already.
template <VmallocBacking B>
class OwnFrames {
 public:
  using Entry = typename B::Tables::Entry;
  using Area = meridian::Area<Entry>;
  static constexpr bool kOwn = true;
  static constexpr u64 kRunPages = u64{1} << B::kRunOrder;

  explicit OwnFrames(VmallocOptions::Content content, B backing = {})
      : backing_(backing), content_(content) {}

  /// Makes the first `pages` pages of a warm area, or as many as are backed, valid; returns how
  /// many.
  u64 wake(Area& area, u64 pages);
  /// Fills the `count` entries for `va` (page `index` of the area) and after; returns how many
  /// before frames ran out.
  u64 fill(Entry* entries, VirtAddr va, u64 index, u64 count);
  /// Takes frames for the first block, before addresses are chosen; false if there are none.
  bool prepare_block();
  /// Gives them back if no block was filled.
  void drop_block();
  /// Fills one entry that maps a block; false if it cannot be had.
  bool fill_block(Entry& slot, u64 index);

 private:
  bool wants_zeroes() const { return content_ == VmallocOptions::Content::zeroed; }
  Result<Frame> take(unsigned order) {
    const Result<Frame> taken = backing_.alloc_frames(order);
    if (wants_zeroes() && taken.has_value()) backing_.zero(taken.value(), u64{1} << order);
    return taken;
  }
  bool fill_run(Entry* entries);
  static void split_run(Entry* entries, u64 at);
  /// A leaf to the same frame and as contiguous, but with the rights of a fresh one, whatever the
  /// last holder had made of it. (Bits instead of attributes: this is done for each page.)
  static Entry as_data(Entry leaf) {
    constexpr u64 kData = Entry::leaf(Level::L3, Frame(), kKernelData).raw();
    constexpr u64 kContiguous = kData ^ Entry::leaf(Level::L3, Frame(), kInRun).raw();
    constexpr u64 kOutput = ~Entry(~u64{0}).with_output(Frame()).raw();
    return Entry((leaf.raw() & (kOutput | kContiguous)) | kData);
  }

  static constexpr Attributes kInRun{.write = true, .contiguous = true};

  [[no_unique_address]] B backing_;
  VmallocOptions::Content content_;
  bool try_runs_ = true, try_blocks_ = true;  // until the first refusal
  std::optional<Frame> block_;                // prepared
};

template <VmallocBacking B>
u64 OwnFrames<B>::wake(Area& area, u64 pages) {
  Entry* const entries = area.entries;
  const u64 count = pages < area.backed ? pages : area.backed;
  if (count < area.backed) split_run(entries, count);
  if (wants_zeroes()) [[unlikely]]
    for (u64 i = 0; i < count; ++i) backing_.zero(parked(entries[i]).output(), 1);
  for (u64 i = 0; i < count; ++i) store_entry(entries[i], as_data(load_entry(entries[i])));
  return count;
}

/// The pages before `at` of a warm area will be valid, those from there on not: a run that lies on
/// both sides is not contiguous any more. (Areas with runs start at a multiple of their size.)
template <VmallocBacking B>
void OwnFrames<B>::split_run(Entry* entries, u64 at) {
  if (!parked(entries[at]).attributes(Level::L3).contiguous) return;
  const u64 first = align_down(at, kRunPages);
  if (first == at) return;
  for (u64 i = first; i < first + kRunPages; ++i) {
    const Frame frame = parked(entries[i]).output();
    store_entry(entries[i], Entry::leaf(Level::L3, frame, kKernelData));
  }
  park(entries + first, kRunPages);
}

template <VmallocBacking B>
u64 OwnFrames<B>::fill(Entry* entries, VirtAddr va, u64, u64 count) {
  for (u64 i = 0; i < count;) {
    const bool starts_run = is_aligned((va.value() >> kPageShift) + i, kRunPages);
    if (starts_run && count - i >= kRunPages && try_runs_) {
      try_runs_ = fill_run(entries + i);
      if (try_runs_) {
        i += kRunPages;
        continue;
      }
    }
    const Result<Frame> frame = take(0);
    if (!frame.has_value()) return i;
    store_entry(entries[i], Entry::leaf(Level::L3, frame.value(), kKernelData));
    ++i;
  }
  return count;
}

template <VmallocBacking B>
bool OwnFrames<B>::fill_run(Entry* entries) {
  const Result<Frame> first = take(B::kRunOrder);
  if (!first.has_value()) return false;
  for (u64 i = 0; i < kRunPages; ++i)
    store_entry(entries[i], Entry::leaf(Level::L3, first.value() + i, kInRun));
  return true;
}

template <VmallocBacking B>
bool OwnFrames<B>::prepare_block() {
  const Result<Frame> taken = take(B::kBlockOrder);
  if (taken.has_value()) block_ = taken.value();
  return taken.has_value();
}

template <VmallocBacking B>
void OwnFrames<B>::drop_block() {
  if (block_) backing_.free_frames(*block_, B::kBlockOrder);
  block_.reset();
}

template <VmallocBacking B>
bool OwnFrames<B>::fill_block(Entry& slot, u64) {
  if (!block_ && !(try_blocks_ && prepare_block())) {
    try_blocks_ = false;
    return false;
  }
  store_entry(slot, Entry::leaf(Level::L2, *block_, kKernelData));
  block_.reset();
  return true;
}

/// Frees the frames of `count` parked L3 entries that OwnFrames had filled, and empties the
/// entries.
template <VmallocBacking B, typename Entry = typename B::Tables::Entry>
void release_leaves(B& backing, Entry* entries, u64 count) {
  for (u64 i = 0; i < count;) {
    const Frame frame = parked(entries[i]).output();
    const unsigned order = backing.order_of(frame);
    clear(entries + i, u64{1} << order);
    backing.free_frames(frame, order);
    i += u64{1} << order;
  }
}

template <VmallocBacking B, typename Entry = typename B::Tables::Entry>
void release_block(B& backing, Entry& slot) {
  const Entry leaf = parked(slot);
  store_entry(slot, Entry());
  backing.free_frames(leaf.output(), B::kBlockOrder);
}

/// Frames that the caller brings, one for each page.
template <typename Entry>
class GivenFrames {
 public:
  static constexpr bool kOwn = false;

  GivenFrames(std::span<const Frame> frames, const Attributes& attributes)
      : frames_(frames), attributes_(attributes) {
    attributes_.contiguous = false;
  }
  u64 fill(Entry* entries, VirtAddr, u64 index, u64 count) {
    for (u64 i = 0; i < count; ++i)
      store_entry(entries[i], Entry::leaf(Level::L3, frames_[index + i], attributes_));
    return count;
  }
  bool prepare_block() { return false; }
  void drop_block() {}
  bool fill_block(Entry&, u64) { return false; }

 private:
  std::span<const Frame> frames_;
  Attributes attributes_;
};

/// Consecutive physical pages from `first` on: a device's registers.
template <VmallocBacking B>
class ConsecutiveFrames {
 public:
  using Entry = typename B::Tables::Entry;
  static constexpr bool kOwn = false;

  ConsecutiveFrames(Frame first, const Attributes& attributes)
      : first_(first), attributes_(attributes) {
    attributes_.contiguous = false;
  }
  u64 fill(Entry* entries, VirtAddr, u64 index, u64 count) {
    for (u64 i = 0; i < count; ++i)
      store_entry(entries[i], Entry::leaf(Level::L3, first_ + (index + i), attributes_));
    return count;
  }
  bool prepare_block() { return is_aligned(first_.number(), u64{1} << B::kBlockOrder); }
  void drop_block() {}
  bool fill_block(Entry& slot, u64 index) {
    const Frame frame = first_ + index;
    if (!is_aligned(frame.number(), u64{1} << B::kBlockOrder)) return false;
    store_entry(slot, Entry::leaf(Level::L2, frame, attributes_));
    return true;
  }

 private:
  Frame first_;
  Attributes attributes_;
};

}  // namespace meridian
