// SPDX-License-Identifier: MIT
/// The kernel image: where its parts are, as the linker laid them out (linker/kernel.ld.S). Symbols
/// are reached relative to PC, so before the MMU is on these functions give physical addresses, and
/// from then on the high ones.
#pragma once

#include "kernel/lib/result.h"
#include "mm/layout/arm64.h"
#include "mm/range.h"

#pragma GCC visibility push(hidden)  // else their addresses would come from the GOT, not from PC
extern "C" {
extern char __image_start[], __image_end[];
extern char __text_start[], __text_end[];
extern char __rodata_start[], __rodata_end[];
extern char __data_start[], __data_end[];
extern char __boot_stack_start[], __boot_stack_end[];
}
#pragma GCC visibility pop

namespace meridian {

/// The address the image was linked at. Where it runs may differ: see boot/relocate.cc.
inline constexpr u64 kImageLinkBase = kArm64Layout.image_base;

/// From a linker symbol to the next one.
inline VirtRange between_symbols(const char* start, const char* end) {
  return VirtRange::between(VirtAddr::of(start), VirtAddr::of(end));
}

inline VirtRange image_range() { return between_symbols(__image_start, __image_end); }
inline VirtRange image_text() { return between_symbols(__text_start, __text_end); }
inline VirtRange image_rodata() { return between_symbols(__rodata_start, __rodata_end); }
/// Data, bss and uninitialised memory.
inline VirtRange image_data() { return between_symbols(__data_start, __data_end); }
/// The page below it is never mapped.
inline VirtRange boot_stack() { return between_symbols(__boot_stack_start, __boot_stack_end); }

/// Where the image lies in physical memory. Boot sets it once, before the MMU is on.
void set_image_phys(PhysAddr start);
PhysRange image_phys();

/// The physical address of an image address. Errc::not_linear for any other.
Result<PhysAddr> image_to_phys(VirtAddr va);

}  // namespace meridian
