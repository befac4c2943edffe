// SPDX-License-Identifier: MIT
/// ioremap: device registers in the vmalloc region.
#pragma once

#include "kernel/lib/result.h"
#include "mm/paging/attributes.h"
#include "mm/range.h"

namespace meridian {

class MemoryMap;

/// Maps `registers` and returns where its first byte is: the offset within the page is kept. `type`
/// is not normal memory. Errc::bad_range if the range is empty or wraps, Errc::too_large if it
/// leaves the physical address space, Errc::already_mapped (the address) if any of it is RAM,
/// Errc::unsupported for a cached type, out_of_address_space, out_of_frames; on an error nothing is
/// left behind.
Result<void*> ioremap(PhysRange registers, MemoryType type = MemoryType::device);

/// Undoes ioremap(), given any address that it returned; nullptr is allowed. CHECKs that it is one.
void iounmap(volatile void* registers);
/// iounmap() for an address that a person typed: Errc::not_allocated.
Result<void> try_iounmap(VirtAddr registers);

/// What is RAM, and so refused. Boot calls it once; the map must live on.
void ioremap_start(const MemoryMap& map);

}  // namespace meridian
