// SPDX-License-Identifier: MIT
/// kmalloc: memory of any size up to 128 KiB, physically contiguous, in the linear map, not zeroed.
/// Up to 8 KiB it comes from slabs of 13 sizes, above that it is a block of frames. A size that is
/// a power of two is aligned to itself; 96 and 192 to 32 and 64; above 8 KiB all is aligned to the
/// next power of two.
#pragma once

#include "kernel/lib/result.h"

namespace meridian {

inline constexpr usize kMaxKmalloc = 128 << 10;
inline constexpr usize kMaxSlabSize = 8 << 10;

/// `size` bytes. Errc::bad_range for 0 (no object has no bytes), Errc::too_large above kMaxKmalloc,
/// Errc::out_of_frames.
Result<void*> kmalloc(usize size);

/// Gives back what kmalloc() gave; nullptr is allowed. CHECKs that the memory is kmalloc's.
void kfree(void* object);

/// kfree() for an address that a person typed: Errc::not_allocated unless an object of kmalloc can
/// start there. (Whether it is one that is still allocated only the person knows.)
Result<void> try_kfree(void* object);

/// How many bytes an allocated object may use: at least what was asked for.
usize kmalloc_size(const void* object);

}  // namespace meridian
