// SPDX-License-Identifier: MIT
/// Linux 6.1's x86-64 layout with five levels (Linux, Documentation/x86/x86_64/mm.rst): each half
/// has 56 bits. Data to compare with: no kernel of ours runs under it, since a half of AArch64 with
/// 4 KiB pages has 52 bits at most.
#pragma once

#include "mm/layout/x86_64.h"

namespace meridian {

/// From here up it is the layout with four levels.
inline constexpr u64 kX86_64SameAbove = 0xffff'fc00'0000'0000;

constexpr Layout x86_64_5level_layout() {
  using enum RegionKind;
  Layout layout{.name = "x86-64-5level",
                .user_bits = 56,
                .kernel_bits = 56,
                .image_base = kX86_64Layout.image_base,
                .regions = {
                    {0x0000'0000'0000'0000, 0x00ff'ffff'ffff'ffff, user, "user"},
                    {0x0100'0000'0000'0000, 0xfeff'ffff'ffff'ffff, hole, "hole (not canonical)"},
                    {0xff00'0000'0000'0000, 0xff0f'ffff'ffff'ffff, guard, "guard (hypervisor)"},
                    {0xff10'0000'0000'0000, 0xff10'ffff'ffff'ffff, unused, "LDT remap"},
                    {0xff11'0000'0000'0000, 0xff90'ffff'ffff'ffff, linear, "linear map"},
                    {0xff91'0000'0000'0000, 0xff9f'ffff'ffff'ffff, guard, "guard"},
                    {0xffa0'0000'0000'0000, 0xffd1'ffff'ffff'ffff, vmalloc, "vmalloc"},
                    {0xffd2'0000'0000'0000, 0xffd3'ffff'ffff'ffff, guard, "guard"},
                    {0xffd4'0000'0000'0000, 0xffd5'ffff'ffff'ffff, frame_table, "frame table"},
                    {0xffd6'0000'0000'0000, 0xffde'ffff'ffff'ffff, guard, "guard"},
                    {0xffdf'0000'0000'0000, kX86_64SameAbove - 1, unused, "KASAN shadow"},
                }};
  for (const Region& region : kX86_64Layout.regions)
    if (region.first >= kX86_64SameAbove) layout.regions.add(region);
  return layout;
}

inline constexpr Layout kX86_64_5LevelLayout = x86_64_5level_layout();
static_assert(tiles_the_space(kX86_64_5LevelLayout));

}  // namespace meridian
