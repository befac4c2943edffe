// SPDX-License-Identifier: MIT
/// Ranges as system calls give them: from any start, of any size, made into whole pages.
#pragma once

#include "kernel/lib/result.h"
#include "mm/page_size.h"
#include "mm/range.h"

namespace meridian {

inline VirtRange virt(UserRange range) { return {VirtAddr(range.start().value()), range.size()}; }
inline VirtAddr virt(UserAddr va) { return VirtAddr(va.value()); }

/// The pages of [start, start + size), possibly none: not_aligned unless `start` begins one,
/// bad_range if they are not all in `bounds`.
inline Result<UserRange> whole_pages(UserAddr start, u64 size, UserRange bounds) {
  if (!start.is_aligned(kPageSize)) return Error{Errc::not_aligned, start.value()};
  const bool inside = start <= bounds.end() && size <= bounds.end() - start;
  if (!inside) return Error{Errc::bad_range, start.value()};
  return UserRange(start, align_up(size, kPageSize));
}

/// The pages that [start, start + size) touches: bad_range if they are not all in `bounds`.
inline Result<UserRange> touched_pages(UserAddr start, u64 size, UserRange bounds) {
  const u64 before = start.value() & (kPageSize - 1);
  if (size > ~u64{0} - before) return Error{Errc::bad_range, start.value()};
  const UserAddr first = start - before;
  const bool inside = first <= bounds.end() && size + before <= bounds.end() - first;
  if (!inside) return Error{Errc::not_mapped, start.value()};
  return UserRange(first, align_up(size + before, kPageSize));
}

/// What two overlapping ranges have in common.
constexpr UserRange intersection(UserRange a, UserRange b) {
  const UserAddr start = a.start() < b.start() ? b.start() : a.start();
  const UserAddr end = a.end() < b.end() ? a.end() : b.end();
  return UserRange::between(start, end);
}

/// Are `pages` and `more` pages together more than `limit` bytes?
constexpr bool exceeds(u64 pages, u64 more, u64 limit) {
  const u64 most = limit >> kPageShift;
  return more > most || pages > most - more;
}

}  // namespace meridian
