// SPDX-License-Identifier: MIT
/// The i386 3G/1G layouts, their kernel half being the top 1 GiB (i386's addresses, sign-extended)
/// and walked in two levels, as on i386 without PAE. The linear map takes what the last 128 MiB
/// leave; RAM above it is HIGHMEM. Two editions, which differ in what the 128 MiB are counted from:
///
///   i386      the textbook's: Linux 2.4 to about 2.6.25, 896 MiB
///   i386-6.1  Linux 6.1 with 8 CPUs and HIGHMEM4G, 879.99 MiB (arch/x86/include/asm/
///             pgtable_32_areas.h, fixmap.h)
///
/// The rules have Linux's names. vmalloc starts VMALLOC_OFFSET above the last byte of RAM in the
/// linear map, wherever that is: see fitted().
#pragma once

#include "mm/layout/layout.h"

namespace meridian {

namespace i386 {

inline constexpr u64 kPageOffset = 0xffff'ffff'c000'0000;
inline constexpr u64 kTaskSize = 0xc000'0000;
inline constexpr u64 kVmallocReserve = 128_MiB;
inline constexpr u64 kPmdSize = 4_MiB;    // what one entry of i386's page directory maps
inline constexpr u64 kPkmapSize = 4_MiB;  // LAST_PKMAP = 1024 pages
inline constexpr u64 kFixaddrTop = 0xffff'ffff'ffff'f000;

/// Where the top of the half is divided.
struct Top {
  u64 maxmem;  // bytes of the linear map at most
  u64 vmalloc_end, pkmap_base, fixmap_start;
};

/// Linux 2.4: MAXMEM = -PAGE_OFFSET - VMALLOC_RESERVE. The addresses at the top are those of stored
/// boot logs, the fixmap's start moved down by the boot-time window (2 MiB and a page).
inline constexpr Top kTextbook{.maxmem = 0 - kPageOffset - kVmallocReserve,
                               .vmalloc_end = 0xffff'ffff'ff7f'e000,
                               .pkmap_base = 0xffff'ffff'ff80'0000,
                               .fixmap_start = 0xffff'ffff'fff4'd000 - 2_MiB - kPageSize};

constexpr Top linux_6_1() {
  constexpr u64 kFixaddrTotStart = 0xffff'ffff'ffd3'8000;
  constexpr u64 kCpuEntryAreaPages = 8 * 43 + 1;  // for each CPU, and one
  constexpr u64 kCpuEntryAreaBase =
      align_down(kFixaddrTotStart - kCpuEntryAreaPages * kPageSize, kPmdSize);
  constexpr u64 kLdtBase = align_down(kCpuEntryAreaBase - kPageSize, kPmdSize);
  constexpr u64 kPkmapBase = align_down(kLdtBase - kPageSize, kPmdSize);
  constexpr u64 kVmallocEnd = kPkmapBase - 2 * kPageSize;
  return {.maxmem = kVmallocEnd - kPageOffset - kVmallocReserve,
          .vmalloc_end = kVmallocEnd,
          .pkmap_base = kPkmapBase,
          .fixmap_start = kFixaddrTotStart};
}
inline constexpr Top kLinux61 = linux_6_1();

constexpr Layout layout(std::string_view name, const Top& top) {
  const u64 high_memory = kPageOffset + top.maxmem;
  const u64 vmalloc_start = high_memory + kVmallocOffset;
  const u64 pkmap_end = top.pkmap_base + kPkmapSize;
  using enum RegionKind;
  return {.name = name,
          .user_bits = 32,
          .kernel_bits = 30,
          .image_place = ImagePlace::in_linear_map,
          .image_base = kPageOffset,
          .vmalloc_start = VmallocStart::follows_ram,
          .regions = {{0, kTaskSize - 1, user, "user (TTBR0)"},
                      {kTaskSize, low_ones(32), guard, "the kernel's on i386; nobody's here"},
                      {low_ones(32) + 1, kPageOffset - 1, hole, "hole (not 32 bits)"},
                      {kPageOffset, high_memory - 1, linear, "linear map and image"},
                      {high_memory, vmalloc_start - 1, guard, "guard (VMALLOC_OFFSET)"},
                      {vmalloc_start, top.vmalloc_end - 1, vmalloc, "vmalloc"},
                      {top.vmalloc_end, top.pkmap_base - 1, guard, "guard"},
                      {top.pkmap_base, pkmap_end - 1, pkmap, "pkmap"},
                      {pkmap_end, top.fixmap_start - 1, unused, "CPU entry, LDT (unused)"},
                      {top.fixmap_start, kFixaddrTop - 1, fixmap, "fixmap"},
                      {kFixaddrTop, ~u64{0}, guard, "guard"}}};
}

}  // namespace i386

inline constexpr Layout kI386Layout = i386::layout("i386", i386::kTextbook);
static_assert(tiles_the_space(kI386Layout));

inline constexpr Layout kI386_6_1Layout = i386::layout("i386-6.1", i386::kLinux61);
static_assert(tiles_the_space(kI386_6_1Layout));

}  // namespace meridian
