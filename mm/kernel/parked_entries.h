// SPDX-License-Identifier: MIT
/// Leaves that were unmapped but whose frames still wait for the TLBs: a parked entry is the old
/// leaf without its valid bit. The MMU reads it as invalid and ignores the rest, so the tables
/// themselves remember which frames are to be freed, and no list has to be allocated in order to
/// free memory.
#pragma once

#include "mm/paging/entry.h"

namespace meridian {

/// Bit 0 decides in every format that the engine is bound to; each use asserts it for its own.
inline constexpr u64 kEntryValid = 1;

template <typename Entry>
constexpr bool can_park() {
  for (Level level : kLevels)
    if (Entry(~kEntryValid).kind(level) != Kind::invalid) return false;
  return true;
}

/// Makes the `count` leaves from `entries` on invisible to the MMU. They are still in TLBs.
template <typename Entry>
void park(Entry* entries, u64 count) {
  static_assert(can_park<Entry>());
  for (u64 i = 0; i < count; ++i)
    store_entry(entries[i], Entry(load_entry(entries[i]).raw() & ~kEntryValid));
}

/// The leaf that was parked here.
template <typename Entry>
Entry parked(Entry& slot) {
  return Entry(load_entry(slot).raw() | kEntryValid);
}

template <typename Entry>
void clear(Entry* entries, u64 count) {
  for (u64 i = 0; i < count; ++i) store_entry(entries[i], Entry());
}

}  // namespace meridian
