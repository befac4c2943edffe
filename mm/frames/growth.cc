// SPDX-License-Identifier: MIT
#include "mm/frames/growth.h"

#include <arch/memory.h>

#include <algorithm>

namespace meridian {
namespace {

constexpr u64 kEntriesPerPage = kPageSize / sizeof(FrameInfo);
static_assert(kMaxBlockFrames % kEntriesPerPage == 0);

Frame round_down(Frame frame, u64 to) { return Frame::from_number(align_down(frame.number(), to)); }
Frame round_up(Frame frame, u64 to) { return Frame::from_number(align_up(frame.number(), to)); }

}  // namespace

void BackedPages::add(u64 first, u64 count) {
  Run* const end = runs_.data() + count_;
  Run* const place =
      std::find_if(runs_.data(), end, [&](const Run& r) { return r.first + r.count >= first; });
  total_ += count;
  if (place != end && place->first + place->count == first) {  // goes on where this one ends
    place->count += count;
    Run* const next = place + 1;
    if (next != end && next->first == first + count) {  // and fills the gap to the next
      place->count += next->count;
      std::move(next + 1, end, next);
      --count_;
    }
  } else if (place != end && place->first == first + count) {
    place->first = first;
    place->count += count;
  } else {
    CHECK(count_ < kMaxRuns);
    std::move_backward(place, end, end + 1);
    *place = {first, count};
    ++count_;
  }
}

bool BackedPages::contains(u64 page) const { return first_gap(page, page + 1).count == 0; }

BackedPages::Run BackedPages::first_gap(u64 first, u64 end) const {
  for (usize i = 0; i < count_; ++i) {
    const Run& run = runs_[i];
    if (run.first > first) return {first, std::min(end, run.first) - first};
    if (first < run.first + run.count) first = std::min(end, run.first + run.count);
    if (first == end) return {end, 0};
  }
  return {first, end - first};
}

void Growth::start(const MemoryMap& map, const EarlyFrames& early, FrameTable& table,
                   TableBacking* backing, std::array<Zone, kZones>& zones) {
  map_ = &map;
  early_ = early;
  table_ = &table;
  backing_ = backing;
  zones_ = &zones;
  map.for_each_free([&](FrameRange run) {
    for (const Zone& zone : zones) {
      const FrameRange bounds = zone.extent().bounds;
      const Frame first = std::max(run.first, bounds.first);
      const Frame end = std::min(run.end(), bounds.end());
      if (first >= end) continue;
      early.for_each_left({first, end - first},
                          [&](FrameRange left) { untouched_.add(left, zone.kind()); });
    }
  });
}

FrameRange Growth::next_piece(ZoneKind zone) {
  for (;;) {
    const FrameRange run = untouched_.first_run(zone);
    if (run.count == 0) return {};
    const FrameRange part = used_part_of_section(run.first);
    const u64 first_page = table_page(part.first), end_page = table_page(part.end());
    if (backed_.first_gap(first_page, end_page).count == 0)
      return untouched_.take_front(zone, part.end() - run.first);
    // Backing may use up this very run: look again.
    if (!back_section_of(run.first, zone)) return {};
  }
}

bool Growth::is_backed(Frame frame) const {
  return frame >= table_->first() && backed_.contains(table_page(frame));
}

u64 Growth::table_page(Frame frame) const { return (frame - table_->first()) / kEntriesPerPage; }

/// The part of the 128 MiB around `frame` that has RAM, in whole largest blocks: joining blocks
/// reads the entries of all neighbours in such a block, so these must be there, RAM or not.
FrameRange Growth::used_part_of_section(Frame frame) const {
  const Frame start = round_down(frame, kSectionFrames);
  const Frame end = start + kSectionFrames;
  Frame first = end, last = start;
  for (const PhysRange& bank : map_->banks()) {
    const Frame bank_start = Frame(bank.start()), bank_end = Frame(bank.end());
    if (bank_start >= end || bank_end <= start) continue;
    first = std::min(first, std::max(bank_start, start));
    last = std::max(last, std::min(bank_end, end));
  }
  first = std::max(round_down(first, kMaxBlockFrames), table_->first());
  return {first, round_up(last, kMaxBlockFrames) - first};
}

Result<void> Growth::back_section_of(Frame frame, ZoneKind zone) {
  const FrameRange part = used_part_of_section(frame);
  const u64 end_page = table_page(part.end());
  for (;;) {
    const BackedPages::Run gap = backed_.first_gap(table_page(part.first), end_page);
    if (gap.count == 0) break;
    TRY(back_pages(gap, zone));
  }
  claim_early_frames(part);
  return {};
}

/// The frames whose entries are on these pages of the table.
FrameRange Growth::described_by(BackedPages::Run pages) const {
  return {table_->first() + pages.first * kEntriesPerPage, pages.count * kEntriesPerPage};
}

/// Backs the first of [pages]: as many as there is contiguous memory for.
Result<void> Growth::back_pages(BackedPages::Run pages, ZoneKind zone) {
  if (backing_ != nullptr) pages.count = TRY(put_memory_behind(pages, zone));
  const FrameRange described = described_by(pages);
  for (Frame at = described.first; at < described.end(); at = at + kEntriesPerPage)
    arch::clear_page(&(*table_)[at]);
  backed_.add(pages.first, pages.count);
  return {};
}

/// Maps memory at the first of [pages]; returns at how many.
Result<u64> Growth::put_memory_behind(BackedPages::Run pages, ZoneKind zone) {
  const FrameRange memory = take_table_memory(zone, pages.count);
  if (memory.count == 0) return Error{Errc::out_of_frames, 0};
  const VirtRange entries = table_->entries(described_by({pages.first, memory.count}));
  const Result<void> backed = backing_->back(entries, memory.first, *this);
  if (!backed) {
    leftover_ = memory;
    return backed.error();
  }
  return memory.count;
}

/// Up to `count` frames in a row for the table itself: from the zone that grows, else from any
/// other.
FrameRange Growth::take_table_memory(ZoneKind zone, u64 count) {
  if (leftover_.count != 0) {
    const FrameRange piece{leftover_.first, std::min(count, leftover_.count)};
    leftover_ = {piece.end(), leftover_.count - piece.count};
    return piece;
  }
  for (const ZoneKind from : {zone, ZoneKind::normal, ZoneKind::highmem, ZoneKind::dma}) {
    const FrameRange piece = untouched_.take_front(from, count);
    if (piece.count != 0) return piece;
  }
  const std::optional<Frame> frame = take_from_lists();
  return frame ? FrameRange{*frame, 1} : FrameRange{};
}

/// A frame that the linear map reaches, for a translation table.
Result<Frame> Growth::take() {
  for (const ZoneKind from : {ZoneKind::normal, ZoneKind::dma}) {
    const FrameRange piece = untouched_.take_front(from, 1);
    if (piece.count != 0) return piece.first;
  }
  const std::optional<Frame> frame = take_from_lists();
  if (!frame) return Error{Errc::out_of_frames, 0};
  return *frame;
}

/// When no untouched memory is left below HIGHMEM: a frame out of the free lists.
std::optional<Frame> Growth::take_from_lists() {
  for (const ZoneKind from : {ZoneKind::normal, ZoneKind::dma}) {
    const std::optional<Frame> frame = (*zones_)[static_cast<usize>(from)].take(*table_, 0);
    if (!frame) continue;
    (*table_)[*frame].set_head(FrameInfo::kept(FrameOwner::frame_table));
    return frame;
  }
  return std::nullopt;
}

/// The early allocator's frames are translation tables; from now on they can be freed like others.
void Growth::claim_early_frames(FrameRange section) {
  map_->for_each_free([&](FrameRange run) {
    early_.for_each_taken(run, [&](FrameRange taken) {
      const Frame first = std::max(taken.first, section.first);
      const Frame end = std::min(taken.end(), section.end());
      for (Frame frame = first; frame < end; frame = frame + 1) {
        const bool normal = (*zones_)[static_cast<usize>(ZoneKind::normal)].contains(frame);
        (*table_)[frame].set_head(FrameInfo::allocated(FrameOwner::table, 0, normal));
      }
    });
  });
}

}  // namespace meridian
