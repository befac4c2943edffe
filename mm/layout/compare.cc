// SPDX-License-Identifier: MIT
#include "mm/layout/compare.h"

#include "mm/layout/all.h"
#include "mm/layout/x86_64_5level.h"

namespace meridian {
namespace {

constexpr std::string_view kArm64Levels[] = {"L0", "L1", "L2", "L3"};
constexpr std::string_view kX86_64Levels[] = {"PML5", "PML4", "PDPT", "PD", "PT"};
constexpr std::string_view kI386Levels[] = {"PD", "PT"};

constexpr AddressSplit kI386Split{.bits = 32, .index_bits = 10, .levels = kI386Levels};
constexpr AddressSplit arm64_split(const Layout& layout) {
  return {.bits = layout.kernel_bits, .index_bits = 9, .levels = kArm64Levels};
}
/// CR3 serves both halves: the bit that tells them apart is resolved with the others.
constexpr AddressSplit x86_64_split(const Layout& layout) {
  return {.bits = layout.kernel_bits + 1, .index_bits = 9, .levels = kX86_64Levels};
}

constexpr std::string_view kArm64Source =
    "Linux 6.1 arch/arm64/include/asm/memory.h, pgtable.h, fixmap.h";
constexpr std::string_view kX86_64Source = "Linux 6.1 Documentation/x86/x86_64/mm.rst";

constexpr Column kColumns[] = {
    {"arm64", "Linux 6.1, 4 KiB pages, 48 bits", LayoutFamily::arm64, arm64_split(kArm64Layout),
     &kArm64Layout, kArm64Source},
    {"arm64-39", "Linux 6.1, 4 KiB pages, 39 bits", LayoutFamily::arm64,
     arm64_split(kArm64_39Layout), &kArm64_39Layout, kArm64Source},
    {"x86-64", "Linux 6.1, four levels", LayoutFamily::x86_64, x86_64_split(kX86_64Layout),
     &kX86_64Layout, kX86_64Source},
    {"x86-64-5level", "Linux 6.1, five levels", LayoutFamily::x86_64,
     x86_64_split(kX86_64_5LevelLayout), &kX86_64_5LevelLayout, kX86_64Source},
    {"i386", "Linux 2.4 to about 2.6.25, 3G/1G: the textbook's", LayoutFamily::i386, kI386Split,
     &kI386Layout, "Linux 2.4 include/asm-i386/page.h, and boot logs of that time"},
    {"i386-6.1", "Linux 6.1, 3G/1G, 8 CPUs, HIGHMEM4G", LayoutFamily::i386, kI386Split,
     &kI386_6_1Layout, "Linux 6.1 arch/x86/include/asm/pgtable_32_areas.h, fixmap.h"},
    {"macosx-32", "Mac OS X, 32-bit: only its shape", LayoutFamily::mac_os_x, kI386Split, nullptr,
     "Mac OS X Internals 8.8"},
};

constexpr FactRow kFacts[] = {
    {"roots",
     {{"TTBR0_EL1 for the low half, TTBR1_EL1 for the high one: bit 55 chooses", "Arm ARM D8.2"},
      {"CR3, for all addresses", "Intel SDM 3A 4.5"},
      {"CR3, for all addresses", "Intel SDM 3A 4.3"},
      {"CR3: one value for the kernel, one for each task", "Mac OS X Internals 8.8"}}},
    {"a bad address raises",
     {{"translation fault: level 0 in the hole, else where the walk ends", "Arm ARM D8.2"},
      {"in the hole #GP (#SS through the stack), else #PF, the address in CR2",
       "Intel SDM 1 3.3.7.1, 3A 6.15"},
      {"there is no hole: always #PF, the address in CR2", "Intel SDM 3A 6.15"},
      {"there is no hole: always #PF, the address in CR2", "Intel SDM 3A 6.15"}}},
    {"page sizes",
     {{"4K pages, 2M and 1G blocks; 16 neighbours may share a TLB entry (64K, 32M)",
       "Arm ARM D8.3"},
      {"4K, 2M, 1G", "Intel SDM 3A 4.5"},
      {"4K, 4M (2M with PAE)", "Intel SDM 3A 4.3, 4.4"},
      {}}},
    {"tag in the TLB",
     {{"ASID, 8 or 16 bits", "Arm ARM D8.16"},
      {"PCID, 12 bits", "Intel SDM 3A 4.10.1"},
      {"none", "Intel SDM 3A 4.10.1"},
      {"none", "Intel SDM 3A 4.10.1"}}},
    {"invalidation",
     {{"TLBI ...IS: the hardware tells all CPUs, no interrupt", "Arm ARM D8.16"},
      {"INVLPG, INVPCID, CR3: this CPU only; the others are interrupted (IPI)",
       "Intel SDM 3A 4.10.4, 4.10.5"},
      {"INVLPG, CR3: this CPU only; the others are interrupted (IPI)",
       "Intel SDM 3A 4.10.4, 4.10.5"},
      {"INVLPG, CR3: this CPU only; the others are interrupted (IPI)",
       "Intel SDM 3A 4.10.4, 4.10.5"}}},
    {"a system call switches",
     {{"the privilege level; no root (with KPTI: TTBR1_EL1)",
       "Linux 6.1 arch/arm64/kernel/entry.S"},
      {"the privilege level; no root (with PTI: CR3)", "Linux 6.1 arch/x86/entry/calling.h"},
      {"the privilege level; no root (with PTI: CR3)", "Linux 6.1 arch/x86/entry/entry_32.S"},
      {"the privilege level and the root: CR3", "Mac OS X Internals 8.8"}}},
    {"a process switch writes",
     {{"TTBR0_EL1 (Linux keeps the ASID in TTBR1_EL1, this kernel in TTBR0_EL1)",
       "Linux 6.1 arch/arm64/mm/context.c"},
      {"CR3", "Linux 6.1 arch/x86/mm/tlb.c"},
      {"CR3", "Linux 6.1 arch/x86/mm/tlb.c"},
      {"CR3", "Mac OS X Internals 8.8"}}},
    {"table entry of a frame",
     {{"64 bytes (struct page)", "Linux 6.1 include/linux/mm_types.h"},
      {"64 bytes (struct page)", "Linux 6.1 include/linux/mm_types.h"},
      {"32 bytes (struct page), in the direct map", "Linux 6.1 include/linux/mm_types.h"},
      {}}},
    {"HIGHMEM",
     {{"no", "Linux 6.1 arch/arm64/Kconfig"},
      {"no", "Linux 6.1 arch/x86/Kconfig"},
      {"yes: RAM above the direct map", "Linux 6.1 arch/x86/Kconfig"},
      {}}},
};

constexpr EntryRow kEntries[] = {
    {"present", {"Valid", 0, 0}, {"P", 0, 0}, {"P", 0, 0}},
    {"block or table",
     {"type", 1, 1, "1: table, page"},
     {"PS", 7, 7, "1: block"},
     {"PS", 7, 7, "1: block"}},
    {"users may", {"AP[1]", 6, 6}, {"U/S", 2, 2}, {"U/S", 2, 2}},
    {"write",
     {"AP[2]", 7, 7, "1: read-only"},
     {"R/W", 1, 1, "1: writable"},
     {"R/W", 1, 1, "1: writable"}},
    {"execute, EL0 or ring 3", {"UXN", 54, 54, "1: no"}, {"NX", 63, 63, "1: no"}, {}},
    {"execute, the kernel", {"PXN", 53, 53, "1: no"}, {"NX", 63, 63, "1: no"}, {}},
    {"global",
     {"nG", 11, 11, "1: an ASID's"},
     {"G", 8, 8, "1: everybody's"},
     {"G", 8, 8, "1: everybody's"}},
    {"accessed",
     {"AF", 10, 10, "0: faults"},
     {"A", 5, 5, "CPU sets it"},
     {"A", 5, 5, "CPU sets it"}},
    {"dirty",
     {"DBM", 51, 51, "with HAFDBS"},
     {"D", 6, 6, "CPU sets it"},
     {"D", 6, 6, "CPU sets it"}},
    {"memory type", {"AttrIndx", 4, 2, "of MAIR_EL1"}, {"PWT", 3, 3}, {"PWT", 3, 3}},
    {"", {}, {"PCD", 4, 4}, {"PCD", 4, 4}},
    {"", {}, {"PAT", 7, 7, "block: 12"}, {"PAT", 7, 7, "block: 12"}},
    {"shareability", {"SH", 9, 8}, {}, {}},
    {"joined with neighbours", {"Contiguous", 52, 52}, {}, {}},
    {"left to software", {"Software", 58, 55}, {"AVL", 11, 9}, {"AVL", 11, 9}},
    {"in tables: not users",
     {"APTable[0]", 61, 61},
     {"U/S", 2, 2, "0: none below"},
     {"U/S", 2, 2, "0: none below"}},
    {"in tables: read-only",
     {"APTable[1]", 62, 62},
     {"R/W", 1, 1, "0: all below"},
     {"R/W", 1, 1, "0: all below"}},
};

/// The 32-bit address that `va` is, as it stands or sign-extended; nothing if it is none.
std::optional<u64> as_32_bits(u64 va) {
  const u64 low = va & low_ones(32);
  const bool extended = va == (low | ~low_ones(32)) && (low >> 31) != 0;
  if (va != low && !extended) return std::nullopt;
  return low;
}

/// A 32-bit address as the i386 layouts have it: the kernel's ones sign-extended.
u64 as_in_layout(u64 low) { return low >= i386::kTaskSize ? low | ~low_ones(32) : low; }

}  // namespace

std::span<const Column> compared_columns() { return kColumns; }
std::span<const FactRow> compared_facts() { return kFacts; }
std::span<const EntryRow> compared_entries() { return kEntries; }

std::string_view entry_source(LayoutFamily family) {
  switch (family) {
    case LayoutFamily::arm64:
      return "Arm ARM D8.3, stage 1, EL1&0";
    case LayoutFamily::x86_64:
      return "Intel SDM 3A 4.5";
    case LayoutFamily::i386:
    case LayoutFamily::mac_os_x:
      return "Intel SDM 3A 4.3";
  }
  UNREACHABLE();
}

DecodedAddress decode_address(const Column& column, u64 va) {
  DecodedAddress decoded{.va = va, .valid = true};
  if (column.is_32_bit()) {
    const std::optional<u64> low = as_32_bits(va);
    decoded.valid = low.has_value();
    if (low) decoded.va = column.layout != nullptr ? as_in_layout(*low) : *low;
  }
  if (column.layout == nullptr) return decoded;
  decoded.region = &column.layout->region_of(VirtAddr(decoded.va));
  decoded.valid = decoded.region->kind != RegionKind::hole;
  const AddressSplit& split = column.split;
  for (unsigned nth = 0; decoded.valid && nth < split.depth(); ++nth)
    CHECK(decoded.indexes.push(split.index(nth, decoded.va)));
  return decoded;
}

}  // namespace meridian
