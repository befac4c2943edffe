// SPDX-License-Identifier: MIT
/// kmalloc: memory of any size up to 128 KiB, physically contiguous, in the linear map, not zeroed.
/// Up to 8 KiB it comes from slabs of 13 sizes, above that it is a block of frames. A size that is
/// a power of two is aligned to itself; 96 and 192 to 32 and 64; above 8 KiB all to the next power
/// of two.
#pragma once

#include <array>
#include <bit>

#include "kernel/lib/result.h"

namespace meridian {

inline constexpr usize kMaxKmalloc = 128 << 10;
inline constexpr usize kMaxSlabSize = 8 << 10;

/// The sizes there are; a request is rounded up to one of them.
inline constexpr std::array<u32, 13> kKmallocSizes{8,   16,  32,   64,   96,   128, 192,
                                                   256, 512, 1024, 2048, 4096, 8192};

/// The number of the slab cache for `size` (1 to kMaxSlabSize): 1 for the smallest. Without a loop,
/// so that the compiler folds it.
constexpr u8 kmalloc_id(usize size) {
  if (size > 64 && size <= 96) return 5;
  if (size > 128 && size <= 192) return 7;
  const u64 power = size <= 8 ? 3 : std::bit_width(size - 1);
  return static_cast<u8>(power <= 6 ? power - 2 : power == 7 ? 6 : power);
}

/// An object of cache `id`, and of any size: what kmalloc() is made of.
Result<void*> kmalloc_of(usize id);
Result<void*> kmalloc_any(usize size);

/// `size` bytes. Errc::bad_range for 0 (no object has no bytes), Errc::too_large above kMaxKmalloc,
/// Errc::out_of_frames.
[[gnu::always_inline]] inline Result<void*> kmalloc(usize size) {
  // The compiler finds the cache when it knows the size, as it mostly does.
  if (__builtin_constant_p(size) && size != 0 && size <= kMaxSlabSize)
    return kmalloc_of(kmalloc_id(size));
  return kmalloc_any(size);
}

/// Gives back what kmalloc() gave; nullptr is allowed. CHECKs that the memory is kmalloc's.
void kfree(void* object);

/// kfree() for an address that a person typed: Errc::not_allocated unless an object of kmalloc
/// starts there and is given out.
Result<void> try_kfree(void* object);

/// How many bytes an allocated object may use: at least what was asked for.
usize kmalloc_size(const void* object);

/// For tests that change the machine below: gives all memory back and starts afresh. CHECKs that
/// every object has been freed, and that no other CPU keeps any (drain_slab_caches() on each).
void close_kmalloc();

}  // namespace meridian
