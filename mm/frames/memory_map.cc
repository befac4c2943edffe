// SPDX-License-Identifier: MIT
#include "mm/frames/memory_map.h"

#include <algorithm>

namespace meridian {
namespace {

Result<void> check_range(PhysRange range) {
  if (range.is_empty() || range.wraps()) return Error{Errc::bad_range, range.start().value()};
  if (range.last().value() >= MemoryMap::kPhysicalEnd)
    return Error{Errc::too_large, range.start().value()};
  return {};
}

FrameRange frames_in(const PhysRange& whole_frames) {
  return {Frame(whole_frames.start()), whole_frames.size() >> kPageShift};
}

/// Neighbours count as touching: they become one bank.
bool touches(const PhysRange& a, const PhysRange& b) {
  return a.start() <= b.end() && b.start() <= a.end();
}

}  // namespace

Result<void> MemoryMap::add_bank(PhysRange range) {
  TRY(check_range(range));
  PhysAddr start = range.start().align_up(kPageSize);
  PhysAddr end = range.end().align_down(kPageSize);
  if (start >= end) return Error{Errc::bad_range, range.start().value()};

  PhysRange* const last = banks_.data() + bank_count_;
  const PhysRange wanted = PhysRange::between(start, end);
  PhysRange* const kept = std::remove_if(banks_.data(), last, [&](const PhysRange& bank) {
    if (!touches(bank, wanted)) return false;
    start = std::min(start, bank.start());
    end = std::max(end, bank.end());
    return true;
  });
  if (kept == banks_.data() + kMaxBanks) return Error{Errc::out_of_slots, kMaxBanks};

  PhysRange* const place = std::find_if(
      banks_.data(), kept, [&](const PhysRange& bank) { return bank.start() > start; });
  std::move_backward(place, kept, kept + 1);
  *place = PhysRange::between(start, end);
  bank_count_ = static_cast<usize>(kept - banks_.data()) + 1;
  return {};
}

Result<void> MemoryMap::reserve(PhysRange range, std::string_view name) {
  TRY(check_range(range));
  if (reservation_count_ == kMaxReservations) return Error{Errc::out_of_slots, kMaxReservations};
  const PhysAddr start = range.start().align_down(kPageSize);
  const PhysAddr end = range.end().align_up(kPageSize);

  Reservation* const last = reservations_.data() + reservation_count_;
  Reservation* const place = std::find_if(
      reservations_.data(), last, [&](const Reservation& r) { return r.range.start() > start; });
  std::move_backward(place, last, last + 1);
  *place = {PhysRange::between(start, end), name};
  ++reservation_count_;
  return {};
}

void MemoryMap::limit_size(u64 bytes) {
  u64 left = align_down(bytes, kPageSize);
  for (usize i = 0; i < bank_count_; ++i) {
    const u64 size = std::min(left, banks_[i].size());
    left -= size;
    banks_[i] = {banks_[i].start(), size};
    if (size == 0) {
      bank_count_ = i;
      return;
    }
  }
}

u64 MemoryMap::limit_address(PhysAddr end) {
  const PhysAddr last = end.align_down(kPageSize);
  u64 lost = 0;
  usize kept = 0;
  for (const PhysRange bank : banks()) {
    const PhysAddr bank_end = std::min(bank.end(), std::max(last, bank.start()));
    lost += bank.end() - bank_end;
    if (bank_end != bank.start()) banks_[kept++] = PhysRange::between(bank.start(), bank_end);
  }
  bank_count_ = kept;
  return lost;
}

bool MemoryMap::is_ram(Frame frame) const {
  return std::ranges::any_of(banks(),
                             [&](const PhysRange& b) { return frames_in(b).contains(frame); });
}

bool MemoryMap::is_reserved(Frame frame) const {
  return std::ranges::any_of(
      reservations(), [&](const Reservation& r) { return frames_in(r.range).contains(frame); });
}

u64 MemoryMap::ram_frames(FrameRange within) const {
  u64 count = 0;
  for (const PhysRange& bank : banks()) {
    const Frame start = std::max(Frame(bank.start()), within.first);
    const Frame end = std::min(frames_in(bank).end(), within.end());
    if (start < end) count += end - start;
  }
  return count;
}

u64 MemoryMap::bytes_beyond(PhysAddr end) const {
  u64 bytes = 0;
  for (const PhysRange& bank : banks())
    if (bank.end() > end) bytes += bank.end() - std::max(end, bank.start());
  return bytes;
}

FrameRange MemoryMap::next_free(Frame from) const {
  Frame start = std::max(from, Frame::from_number(1));
  for (const PhysRange& bank : banks()) {
    start = std::max(start, Frame(bank.start()));
    Frame end = frames_in(bank).end();
    for (const Reservation& r : reservations()) {  // sorted, so none comes back below `start`
      const FrameRange reserved = frames_in(r.range);
      if (reserved.contains(start)) start = reserved.end();
      if (reserved.first > start) end = std::min(end, reserved.first);
    }
    if (start < end) return {start, end - start};
  }
  return {};
}

PhysRange MemoryMap::intersection(const PhysRange& a, const PhysRange& b) {
  return PhysRange::between(std::max(a.start(), b.start()), std::min(a.end(), b.end()));
}

}  // namespace meridian
