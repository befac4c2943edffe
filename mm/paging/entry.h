// SPDX-License-Identifier: MIT
/// How the engine reads and writes one entry of a table that an MMU, and other CPUs, may be reading
/// at the same moment: always whole, always through these functions.
///
/// Order. A leaf is written relaxed: the mapper publishes a whole run at once. A link to a new
/// table is a release, so that whoever sees the link sees the table zeroed. Reads are relaxed: what
/// is read next is reached through the address just read, and that dependency orders the reads for
/// us as it does for the MMU.
#pragma once

#include <atomic>

#include "mm/paging/format.h"

namespace meridian {

template <typename Entry>
[[gnu::always_inline]] inline Entry load_entry(Entry& slot) {
  return std::atomic_ref<Entry>(slot).load(std::memory_order_relaxed);
}

template <typename Entry>
[[gnu::always_inline]] inline void store_entry(Entry& slot, Entry value) {
  std::atomic_ref<Entry>(slot).store(value, std::memory_order_relaxed);
}

/// Who may work on one address space's tables at the same time.
enum class Sharing : u8 {
  /// One caller at a time (a lock of the space, or boot). A table that an unmap leaves empty is
  /// freed.
  exclusive,
  /// Several CPUs, each in a range of addresses that it owns (the kernel half). A linked table
  /// stays
  /// linked for ever, so that nobody loses the table under his feet.
  shared,
};

/// Puts a link to a new, zeroed table into an invalid slot, and returns what the slot holds
/// afterwards: `link`, or what another CPU put there first. Only shared spaces pay for an exclusive
/// access, which boot could not use: with the MMU off, memory need not support it.
template <Sharing kSharing, typename Entry>
Entry link_entry(Entry& slot, Entry link) {
  std::atomic_ref<Entry> shared(slot);
  if constexpr (kSharing == Sharing::exclusive) {
    shared.store(link, std::memory_order_release);
    return link;
  } else {
    Entry found{};
    // Failure acquires: the other CPU's table must be seen zeroed before it is written to.
    if (shared.compare_exchange_strong(found, link, std::memory_order_release,
                                       std::memory_order_acquire))
      return link;
    return found;
  }
}

}  // namespace meridian
