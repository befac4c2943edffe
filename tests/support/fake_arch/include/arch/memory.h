// SPDX-License-Identifier: MIT
/// <arch/memory.h> on the host.
#pragma once

#include <cstring>

#include "kernel/lib/types.h"
#include "mm/page_size.h"
#include "mm/range.h"

namespace meridian::arch {

inline void clear_page(void* page) { std::memset(page, 0, kPageSize); }
inline void copy_page(void* to, const void* from) { std::memcpy(to, from, kPageSize); }
inline void sync_instructions(VirtRange) {}

}  // namespace meridian::arch
