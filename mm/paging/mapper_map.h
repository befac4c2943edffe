// SPDX-License-Identifier: MIT
/// How the mapper maps and looks up; included by mapper.h.
///
/// A request is walked twice. reserve() finds where each leaf will go, refuses what is mapped
/// already and takes the tables that are missing; commit() goes the same way, links them and fills.
/// So a failure has written nothing, and nobody ever sees a mapping that is taken back. A request
/// that fits into one existing last-level table, as most do, is checked and filled in one go.
#pragma once

#include "mm/paging/mapper.h"

namespace meridian {

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<void> Mapper<F, Store, T, kSharing>::check_range(VirtRange range) const {
  if (!range.start().is_aligned(kPageSize)) return Error{Errc::not_aligned, range.start().value()};
  if (!is_aligned(range.size(), kPageSize)) return Error{Errc::not_aligned, range.size()};
  if (range.is_empty() || !half_.contains(range))
    return Error{Errc::bad_range, range.start().value()};
  return {};
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<void> Mapper<F, Store, T, kSharing>::check_output(Frame first, u64 frames) {
  constexpr u64 kLimit = u64{1} << (F::kOutputBits - kPageShift);
  if (frames > kLimit || first.number() > kLimit - frames)
    return Error{Errc::too_large, first.address().value()};
  return {};
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<void> Mapper<F, Store, T, kSharing>::map(VirtRange range, Frame first, Attributes attributes,
                                                MapOptions options) {
  TRY(check_range(range));
  TRY(check_output(first, range.size() >> kPageShift));
  attributes.contiguous = false;
  const Request request{range, first, options.largest};
  return map_request(request, [&](const Cursor& cursor, usize count) {
    fill_run(cursor, count, request.frame_at(cursor.va()), attributes, options.contiguous_hint);
  });
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<void> Mapper<F, Store, T, kSharing>::map_pages(VirtAddr start, std::span<const Frame> frames,
                                                      Attributes attributes) {
  TRY(check_range({start, frames.size() << kPageShift}));
  u64 all_bits = 0;
  for (Frame frame : frames) all_bits |= frame.number();
  TRY(check_output(Frame::from_number(all_bits), 1));
  attributes.contiguous = false;
  const Request request{{start, frames.size() << kPageShift}, Frame(), Level::L3};
  return map_request(request, [&](const Cursor& cursor, usize count) {
    fill_frames(cursor, frames.subspan(request.frames_before(cursor.va()), count), attributes);
  });
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename Fill>
Result<void> Mapper<F, Store, T, kSharing>::map_request(const Request& request, Fill&& fill) {
  Cursor cursor = at(request.range.start());
  cursor.descend();
  const usize pages = request.range.size() >> kPageShift;
  if (cursor.level() == Level::L3 && cursor.slots_within(request.range.size()) == pages) {
    TRY(cursor.free_slots(pages));
    fill(cursor, pages);
  } else {
    Spares spares(store_);
    TRY(reserve(request, spares));
    commit(request, spares, fill);
  }
  if (!seeded(Bug::map_without_publishing)) tlb_.publish();
  return {};
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<void> Mapper<F, Store, T, kSharing>::reserve(const Request& request, Spares& spares) const {
  for (u64 done = 0; done != request.range.size();) {
    const VirtAddr va = request.range.start() + done;
    Cursor cursor = at(va);
    TRY(find_place(cursor, request, [&](Cursor& missing) -> Result<void> {
      // Below one invalid entry we pass many times; its table is wanted once, at the first.
      if (done == 0 || va.is_aligned(missing.span())) TRY(spares.add());
      missing.descend_into_missing();
      return {};
    }));
    done += TRY(cursor.free_slots(whole_slots(cursor, request))) * cursor.span();
  }
  return {};
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename Fill>
void Mapper<F, Store, T, kSharing>::commit(const Request& request, Spares& spares, Fill&& fill) {
  for (u64 done = 0; done != request.range.size();) {
    Cursor cursor = at(request.range.start() + done);
    find_place(cursor, request, [&](Cursor& missing) -> Result<void> {
      missing.template descend_into_new<kSharing>(spares);
      return {};
    }).take();
    usize count = whole_slots(cursor, request);
    // At L3 all are free: reserve() has seen it, and the range is the caller's.
    if (cursor.level() != Level::L3) count = cursor.free_slots(count).take();
    fill(cursor, count);
    done += count * cursor.span();
  }
}

/// Goes down to the invalid entry where the leaf for the cursor's address goes. Where a table is
/// missing on the way, `on_missing(cursor)` goes down one level.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
template <typename OnMissing>
Result<void> Mapper<F, Store, T, kSharing>::find_place(Cursor& cursor, const Request& request,
                                                       OnMissing&& on_missing) const {
  for (;;) {
    const Entry found = cursor.entry();
    switch (found.kind(cursor.level())) {
      case Kind::leaf:
        return Error{Errc::already_mapped, cursor.va().value()};
      case Kind::table:
        cursor.descend_into(found.output());
        break;
      case Kind::invalid:
        if (fits(cursor, request)) return {};
        TRY(on_missing(cursor));
        break;
    }
  }
}

/// May one leaf of the cursor's level map what is wanted from its address on?
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
bool Mapper<F, Store, T, kSharing>::fits(const Cursor& cursor, const Request& request) const {
  const Level level = cursor.level();
  if (level == Level::L3) return true;
  if (level < request.largest || !geometry_.can_map(level)) return false;
  const u64 frames = frames_of(cursor);
  return cursor.va() == cursor.start() &&
         is_aligned(request.frame_at(cursor.va()).number(), frames) &&
         request.left(cursor.va()) >= cursor.span();
}

/// How many slots from the cursor on, in its table, the rest of the request covers wholly.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
usize Mapper<F, Store, T, kSharing>::whole_slots(const Cursor& cursor,
                                                 const Request& request) const {
  const u64 left = request.left(cursor.va());
  return cursor.slots_within(left - (left & (cursor.span() - 1)));
}

/// `first`, and `count` - 1 leaves after it, each `frames_each` frames further on.
template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::fill(Entry* slots, usize count, Entry first, u64 frames_each) {
  for (Entry* const end = slots + count; slots != end; ++slots, first = first.advanced(frames_each))
    store_entry(*slots, first);
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::fill_run(const Cursor& cursor, usize count, Frame first,
                                             Attributes attributes, bool contiguous_hint) const {
  const Level level = cursor.level();
  const u64 each = frames_of(cursor);
  const usize group = contiguous_hint ? geometry_.contiguous_entries(level) : 1;
  const Entry alone = Entry::leaf(level, first, attributes);

  // The leaves before the first whole group, and then those in whole groups. Both stay 0 where the
  // addresses and the frames are not aligned alike.
  usize before = 0, grouped = 0;
  if (group > 1 && is_aligned(cursor.va().value() >> kPageShift ^ first.number(), group * each)) {
    before = -cursor.index() & (group - 1);
    if (before < count) grouped = (count - before) & ~(group - 1);
  }
  if (grouped == 0) return fill(cursor.slots(), count, alone, each);

  attributes.contiguous = true;
  const Entry joined = Entry::leaf(level, first, attributes);
  const usize rest = before + grouped;
  fill(cursor.slots(), before, alone, each);
  fill(cursor.slots() + before, grouped, joined.advanced(before * each), each);
  fill(cursor.slots() + rest, count - rest, alone.advanced(rest * each), each);
}

/// True if `frames` are consecutive and start at a multiple of their number.
inline bool is_aligned_run(std::span<const Frame> frames) {
  if (!is_aligned(frames.front().number(), frames.size())) return false;
  if (frames.back() - frames.front() != frames.size() - 1) return false;  // mostly decides
  for (usize i = 1; i < frames.size(); ++i)
    if (frames[i] - frames[i - 1] != 1) return false;
  return true;
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
void Mapper<F, Store, T, kSharing>::fill_frames(const Cursor& cursor, std::span<const Frame> frames,
                                                Attributes attributes) const {
  const usize group = geometry_.contiguous_entries(Level::L3);
  const Entry alone = Entry::leaf(Level::L3, Frame(), attributes);
  Entry joined = alone;
  if (frames.size() >= group) {
    attributes.contiguous = true;
    joined = Entry::leaf(Level::L3, Frame(), attributes);
  }

  Entry* slots = cursor.slots();
  usize index = cursor.index();
  while (!frames.empty()) {
    // Up to the next group's start, a whole group, or all that is left.
    usize chunk = frames.size();
    if (group > 1 && chunk > group - (index & (group - 1))) chunk = group - (index & (group - 1));
    const std::span<const Frame> part = frames.first(chunk);
    const Entry like = group > 1 && chunk == group && is_aligned_run(part) ? joined : alone;
    for (const Frame frame : part) store_entry(*slots++, like.advanced(frame.number()));
    frames = frames.subspan(chunk);
    index += chunk;
  }
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<Translation> Mapper<F, Store, T, kSharing>::translate(VirtAddr va) const {
  if (!geometry_.contains(va)) return Error{Errc::not_canonical, va.value()};
  Cursor cursor = at(va);
  const Entry found = cursor.descend();
  if (found.kind(cursor.level()) != Kind::leaf) return Error{Errc::not_mapped, va.value()};
  const PhysAddr pa = found.output().address() + (va.value() & (cursor.span() - 1));
  return Translation{pa, found.attributes(cursor.level()), cursor.level(), cursor.span()};
}

template <PagingFormat F, TableStore<typename F::Entry> Store, Tlb T, Sharing kSharing>
Result<PhysAddr> Mapper<F, Store, T, kSharing>::physical(VirtAddr va) const {
  if (!geometry_.contains(va)) return Error{Errc::not_canonical, va.value()};
  Cursor cursor = at(va);
  const Entry found = cursor.descend();
  if (found.kind(cursor.level()) != Kind::leaf) return Error{Errc::not_mapped, va.value()};
  return found.output().address() + (va.value() & (cursor.span() - 1));
}

}  // namespace meridian
