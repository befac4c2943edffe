// SPDX-License-Identifier: MIT
/// vmalloc: memory that is contiguous in virtual addresses only. Its frames come from anywhere, so
/// it works when memory is fragmented; each area is followed by a page that is never mapped.
///
/// Freed memory is invisible to the MMU at once. Its addresses and its frames are used again only
/// after the TLBs have forgotten it: one invalidation pays for many frees (see README.md).
/// vmalloc_flush() does it now.
///
/// Any CPU, any context. Two CPUs share nothing in the common case: each has its own free areas.
#pragma once

#include <optional>
#include <span>

#include "kernel/lib/result.h"
#include "mm/frame.h"
#include "mm/kernel/area.h"
#include "mm/paging/attributes.h"

namespace meridian {

struct VmallocOptions {
  enum class Content : u8 { stale, zeroed };

  u64 alignment = kPageSize;  // of the first byte; a power of two
  Content content = Content::stale;
};

/// `size` bytes, rounded up to pages, writable, never executable. Errc::bad_range for 0,
/// Errc::too_large above what RAM could ever hold, Errc::not_aligned if the alignment is not a
/// power of two, out_of_address_space, out_of_frames; on an error nothing is left behind.
Result<void*> vmalloc(usize size);
Result<void*> vmalloc(usize size, const VmallocOptions& options);

/// Gives back what vmalloc() gave; nullptr is allowed. CHECKs that it is the start of such an area.
void vfree(void* memory);
/// vfree() for an address that a person typed: Errc::not_allocated unless vmalloc() gave it.
Result<void> try_vfree(VirtAddr memory);

/// Maps `frames`, which stay the caller's, side by side. Errc::bad_range for none,
/// Errc::write_and_execute for rights that nothing may have, Errc::unsupported for a user mapping,
/// out_of_address_space, out_of_frames.
Result<void*> vmap(std::span<const Frame> frames, Attributes attributes);
/// Undoes vmap(); nullptr is allowed. When it returns no TLB knows the mapping: the frames may be
/// freed.
void vunmap(void* memory);
Result<void> try_vunmap(VirtAddr memory);

/// The frame behind any mapped kernel address (vmalloc, vmap, image, linear map), from the tables.
/// A walk, but where the last table is known: tables of this half stay for ever.
/// Errc::not_mapped; Errc::not_canonical outside the kernel half.
Result<Frame> vmalloc_to_frame(const volatile void* address);

/// A new kernel stack: its lowest address is `start()`, SP begins at `end()`. Unmapped below (as
/// much again) and above.
Result<VirtRange> alloc_kernel_stack();
/// Gives back what alloc_kernel_stack() gave. CHECKs that it is one; nobody may be running on it.
void free_kernel_stack(VirtRange stack);

/// Invalidates now: every area freed so far, its addresses and its frames may be used again.
void vmalloc_flush();

/// The first area in use that ends after `from`; nothing if there is none. (For listing all areas
/// in address order while others come and go; no lock is held in between.)
std::optional<AreaInfo> next_area(VirtAddr from);

/// Calls `visit(const AreaInfo&)` for every area in use, lowest first.
template <typename Visit>
void for_each_area(Visit&& visit) {
  VirtAddr from(0);
  while (const std::optional<AreaInfo> area = next_area(from)) {
    visit(*area);
    from = area->range.end();
  }
}

struct VmallocStats {
  u64 total;        // bytes of the region
  u64 used;         // bytes of areas in use, image and devices included
  u64 frames;       // of those, pages with a frame that vmalloc took
  u64 lazy_frames;  // freed, but not yet back in the allocator: about so many
  u64 flushes;      // batches of frees invalidated so far
  u64 blocks;       // of addresses for small areas: each has a table and a slab object, for ever
};
/// Counted now; for people, not for hot paths.
VmallocStats vmalloc_stats();

/// A part of the image, whole pages.
struct ImagePart {
  VirtRange range;
  const char* name;
};

/// Opens the vmalloc region of the current layout. Boot calls it once, when kmalloc works and
/// kernel_space() has its root. The parts of the image that lie in the region (lowest first) are
/// listed as areas from then on. `ram_frames` decides how much may wait for a flush.
Result<void> vmalloc_start(u64 ram_frames, std::span<const ImagePart> image);

/// Undoes vmalloc_start(): all records go back. CHECKs that nothing is in use any more. For tests,
/// which start a machine many times.
void close_vmalloc();

}  // namespace meridian
