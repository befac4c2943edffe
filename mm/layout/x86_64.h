// SPDX-License-Identifier: MIT
/// Linux 6.1's x86-64 layout with four levels (Linux, Documentation/x86/x86_64/mm.rst): with TxSZ =
/// 17 each half has 47 bits, and the hole is x86-64's own, between the canonical addresses.
#pragma once

#include "mm/layout/layout.h"

namespace meridian {

inline constexpr Layout kX86_64Layout{
    .name = "x86-64",
    .user_bits = 47,
    .kernel_bits = 47,
    .image_base = 0xffff'ffff'8100'0000,  // __START_KERNEL_map + CONFIG_PHYSICAL_START
    .regions = {
        {0x0000'0000'0000'0000, 0x0000'7fff'ffff'ffff, RegionKind::user, "user (TTBR0)"},
        {0x0000'8000'0000'0000, 0xffff'7fff'ffff'ffff, RegionKind::hole, "hole (not canonical)"},
        {0xffff'8000'0000'0000, 0xffff'87ff'ffff'ffff, RegionKind::guard, "guard (hypervisor)"},
        {0xffff'8800'0000'0000, 0xffff'887f'ffff'ffff, RegionKind::unused, "LDT remap (unused)"},
        {0xffff'8880'0000'0000, 0xffff'c87f'ffff'ffff, RegionKind::linear, "linear map"},
        {0xffff'c880'0000'0000, 0xffff'c8ff'ffff'ffff, RegionKind::guard, "guard"},
        {0xffff'c900'0000'0000, 0xffff'e8ff'ffff'ffff, RegionKind::vmalloc, "vmalloc"},
        {0xffff'e900'0000'0000, 0xffff'e9ff'ffff'ffff, RegionKind::guard, "guard"},
        {0xffff'ea00'0000'0000, 0xffff'eaff'ffff'ffff, RegionKind::frame_table, "frame table"},
        {0xffff'eb00'0000'0000, 0xffff'ebff'ffff'ffff, RegionKind::guard, "guard"},
        {0xffff'ec00'0000'0000, 0xffff'fbff'ffff'ffff, RegionKind::unused, "KASAN shadow (unused)"},
        {0xffff'fc00'0000'0000, 0xffff'fdff'ffff'ffff, RegionKind::guard, "guard"},
        {0xffff'fe00'0000'0000, 0xffff'fe7f'ffff'ffff, RegionKind::unused, "CPU entry (unused)"},
        {0xffff'fe80'0000'0000, 0xffff'feff'ffff'ffff, RegionKind::guard, "guard"},
        {0xffff'ff00'0000'0000, 0xffff'ff7f'ffff'ffff, RegionKind::unused, "espfix (unused)"},
        {0xffff'ff80'0000'0000, 0xffff'ffee'ffff'ffff, RegionKind::guard, "guard"},
        {0xffff'ffef'0000'0000, 0xffff'fffe'ffff'ffff, RegionKind::unused, "EFI runtime (unused)"},
        {0xffff'ffff'0000'0000, 0xffff'ffff'7fff'ffff, RegionKind::guard, "guard"},
        {0xffff'ffff'8000'0000, 0xffff'ffff'9fff'ffff, RegionKind::image, "kernel image"},
        {0xffff'ffff'a000'0000, 0xffff'ffff'feff'ffff, RegionKind::modules, "modules (unused)"},
        {0xffff'ffff'ff00'0000, 0xffff'ffff'ff5f'ffff, RegionKind::fixmap, "fixmap"},
        {0xffff'ffff'ff60'0000, 0xffff'ffff'ff60'0fff, RegionKind::unused, "vsyscall (unused)"},
        {0xffff'ffff'ff60'1000, 0xffff'ffff'ff7f'ffff, RegionKind::guard, "guard"},
        {0xffff'ffff'ff80'0000, 0xffff'ffff'ffbf'ffff, RegionKind::pkmap, "pkmap"},  // ours
        {0xffff'ffff'ffc0'0000, 0xffff'ffff'ffff'ffff, RegionKind::guard, "guard"},
    }};
static_assert(tiles_the_space(kX86_64Layout));

}  // namespace meridian
