// SPDX-License-Identifier: MIT
/// Linux 6.1's arm64 layout with 4 KiB pages and 48-bit addresses: the default. The numbers follow from
/// VA_BITS = 48 by the formulas in Linux's arch/arm64/include/asm/memory.h.
#pragma once

#include "mm/layout/layout.h"

namespace meridian {

inline constexpr Region kArm64Regions[] = {
    {0x0000'0000'0000'0000, 0x0000'ffff'ffff'ffff, RegionKind::user, "user (TTBR0)"},
    {0x0001'0000'0000'0000, 0xfffe'ffff'ffff'ffff, RegionKind::hole, "hole"},
    {0xffff'0000'0000'0000, 0xffff'7fff'ffff'ffff, RegionKind::linear, "linear map"},
    {0xffff'8000'0000'0000, 0xffff'8000'07ff'ffff, RegionKind::modules, "modules (unused)"},
    {0xffff'8000'0800'0000, 0xffff'fbff'efff'ffff, RegionKind::vmalloc, "vmalloc and image"},
    {0xffff'fbff'f000'0000, 0xffff'fbff'fdff'ffff, RegionKind::fixmap, "fixmap"},
    {0xffff'fbff'fe00'0000, 0xffff'fbff'fe7f'ffff, RegionKind::guard, "guard"},
    {0xffff'fbff'fe80'0000, 0xffff'fbff'ff7f'ffff, RegionKind::pci_io, "PCI I/O (unused)"},
    {0xffff'fbff'ff80'0000, 0xffff'fbff'ffbf'ffff, RegionKind::guard, "guard"},
    {0xffff'fbff'ffc0'0000, 0xffff'fbff'ffff'ffff, RegionKind::pkmap, "pkmap"},
    {0xffff'fc00'0000'0000, 0xffff'fdff'ffff'ffff, RegionKind::frame_table, "frame table"},
    {0xffff'fe00'0000'0000, 0xffff'ffff'ffff'ffff, RegionKind::guard, "guard"},
};

inline constexpr Layout kArm64Layout{
    .name = "arm64",
    .user_bits = 48,
    .kernel_bits = 48,
    .image_base = 0xffff'8000'0800'0000,
    .regions = kArm64Regions,
};
static_assert(tiles_the_space(kArm64Layout));

}  // namespace meridian
