// SPDX-License-Identifier: MIT
/// Linux 6.1's arm64 layouts with 4 KiB pages: 48-bit addresses (the default) and 39-bit ones,
/// whose walks have a level less. Both follow from the number of bits by the formulas of Linux's
/// arch/arm64/include/asm/memory.h, pgtable.h and fixmap.h, under Linux's names here.
#pragma once

#include "mm/layout/layout.h"

namespace meridian {

constexpr Layout arm64_layout(std::string_view name, unsigned va_bits) {
  constexpr unsigned kFrameShift = 6;  // Linux's struct page has 64 bytes; a frame of ours has 16
  const u64 task_size = u64{1} << va_bits;
  const u64 page_offset = ~low_ones(va_bits), page_end = ~low_ones(va_bits - 1);
  const u64 modules_end = page_end + 128_MiB;
  const u64 vmemmap_start = ~low_ones(va_bits - (kPageShift - kFrameShift));
  const u64 vmemmap_end = vmemmap_start + ((page_end - page_offset) >> (kPageShift - kFrameShift));
  const u64 vmalloc_end = vmemmap_start - 256_MiB;
  const u64 fixaddr_top = vmemmap_start - 32_MiB;
  const u64 pci_io_start = vmemmap_start - 24_MiB, pci_io_end = vmemmap_start - 8_MiB;
  const u64 pkmap_start = vmemmap_start - 4_MiB;  // ours: Linux's arm64 has none

  using enum RegionKind;
  return {.name = name,
          .user_bits = va_bits,
          .kernel_bits = va_bits,
          .image_base = modules_end,
          .regions = {{0, task_size - 1, user, "user (TTBR0)"},
                      {task_size, page_offset - 1, hole, "hole"},
                      {page_offset, page_end - 1, linear, "linear map"},
                      {page_end, modules_end - 1, modules, "modules (unused)"},
                      {modules_end, vmalloc_end - 1, vmalloc, "vmalloc and image"},
                      {vmalloc_end, fixaddr_top - 1, fixmap, "fixmap"},
                      {fixaddr_top, pci_io_start - 1, guard, "guard"},
                      {pci_io_start, pci_io_end - 1, pci_io, "PCI I/O (unused)"},
                      {pci_io_end, pkmap_start - 1, guard, "guard"},
                      {pkmap_start, vmemmap_start - 1, pkmap, "pkmap"},
                      {vmemmap_start, vmemmap_end - 1, frame_table, "frame table"},
                      {vmemmap_end, ~u64{0}, guard, "guard"}}};
}

inline constexpr Layout kArm64Layout = arm64_layout("arm64", 48);
static_assert(tiles_the_space(kArm64Layout));

inline constexpr Layout kArm64_39Layout = arm64_layout("arm64-39", 39);
static_assert(tiles_the_space(kArm64_39Layout));

}  // namespace meridian
