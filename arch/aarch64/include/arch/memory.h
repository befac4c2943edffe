// SPDX-License-Identifier: MIT
/// Whole pages of normal memory: clearing and copying them the fastest way this CPU has, and making
/// code that was written to them executable.
#pragma once

#include "arch/aarch64/hw/cache.h"
#include "kernel/lib/types.h"
#include "mm/page_size.h"
#include "mm/range.h"

namespace meridian::arch {

extern "C" {
// In cpu/memory.S. Addresses are 64-byte aligned and sizes multiples of 4 KiB.
[[gnu::visibility("hidden")]] void clear_blocks(void* start, usize bytes);
[[gnu::visibility("hidden")]] void copy_blocks(void* to, const void* from, usize bytes);
}

/// Zeroes the page that starts at `page`. Works with the MMU off too.
inline void clear_page(void* page) { clear_blocks(page, kPageSize); }

/// Copies one page onto another.
inline void copy_page(void* to, const void* from) { copy_blocks(to, from, kPageSize); }

/// After writing code through `range`: every CPU will execute what was written, at this or any
/// other address of the same memory.
inline void sync_instructions(VirtRange range) { hw::sync_instructions(range); }

}  // namespace meridian::arch
