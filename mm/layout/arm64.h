// SPDX-License-Identifier: MIT
/// Linux 6.1's arm64 layouts with 4 KiB pages: 48-bit addresses (the default) and 39-bit ones,
/// whose walks have a level less. Both follow from the number of bits by the formulas of Linux's
/// arch/arm64/include/asm/memory.h, pgtable.h and fixmap.h, under Linux's names here.
#pragma once

#include <algorithm>

#include "mm/layout/layout.h"

namespace meridian {

/// Where Linux puts what, in any of its arm64 configurations: halves of `va_bits`, pages of
/// 2^page_shift. (This kernel itself runs with its own kPageShift only.)
struct Arm64Addresses {
  u64 task_size, page_offset, page_end, modules_end;
  u64 vmalloc_end, fixaddr_top, pci_io_start, pci_io_end;
  u64 vmemmap_start, vmemmap_end;

  constexpr u64 linear_size() const { return page_end - page_offset; }
  constexpr u64 vmalloc_start() const { return modules_end; }
  constexpr u64 vmemmap_size() const { return vmemmap_end - vmemmap_start; }
};
constexpr Arm64Addresses arm64_addresses(unsigned va_bits, unsigned page_shift = kPageShift) {
  constexpr unsigned kFrameShift = 6;  // Linux's struct page has 64 bytes; a frame of ours has 16
  constexpr unsigned kVaBitsMin = 48;  // with more bits, only the linear map grows (downwards)
  const unsigned table_shift = page_shift - kFrameShift;
  const u64 page_offset = ~low_ones(va_bits);
  const u64 page_end = ~low_ones(std::min(va_bits, kVaBitsMin) - 1);
  const u64 vmemmap_start = ~low_ones(va_bits - table_shift);
  return {.task_size = u64{1} << va_bits,
          .page_offset = page_offset,
          .page_end = page_end,
          .modules_end = page_end + 128_MiB,
          .vmalloc_end = vmemmap_start - 256_MiB,
          .fixaddr_top = vmemmap_start - 32_MiB,
          .pci_io_start = vmemmap_start - 24_MiB,
          .pci_io_end = vmemmap_start - 8_MiB,
          .vmemmap_start = vmemmap_start,
          .vmemmap_end = vmemmap_start + ((page_end - page_offset) >> table_shift)};
}

constexpr Layout arm64_layout(std::string_view name, unsigned va_bits) {
  const Arm64Addresses a = arm64_addresses(va_bits);
  const u64 pkmap_start = a.vmemmap_start - 4_MiB;  // ours: Linux's arm64 has none
  using enum RegionKind;
  return {.name = name,
          .user_bits = va_bits,
          .kernel_bits = va_bits,
          .image_base = a.modules_end,
          .regions = {{0, a.task_size - 1, user, "user (TTBR0)"},
                      {a.task_size, a.page_offset - 1, hole, "hole"},
                      {a.page_offset, a.page_end - 1, linear, "linear map"},
                      {a.page_end, a.modules_end - 1, modules, "modules (unused)"},
                      {a.vmalloc_start(), a.vmalloc_end - 1, vmalloc, "vmalloc and image"},
                      {a.vmalloc_end, a.fixaddr_top - 1, fixmap, "fixmap"},
                      {a.fixaddr_top, a.pci_io_start - 1, guard, "guard"},
                      {a.pci_io_start, a.pci_io_end - 1, pci_io, "PCI I/O (unused)"},
                      {a.pci_io_end, pkmap_start - 1, guard, "guard"},
                      {pkmap_start, a.vmemmap_start - 1, pkmap, "pkmap"},
                      {a.vmemmap_start, a.vmemmap_end - 1, frame_table, "frame table"},
                      {a.vmemmap_end, ~u64{0}, guard, "guard"}}};
}

inline constexpr Layout kArm64Layout = arm64_layout("arm64", 48);
static_assert(tiles_the_space(kArm64Layout));

inline constexpr Layout kArm64_39Layout = arm64_layout("arm64-39", 39);
static_assert(tiles_the_space(kArm64_39Layout));

}  // namespace meridian
