// SPDX-License-Identifier: MIT
/// What the pieces of boot say to each other. All of it runs, or is filled, while the MMU is off
/// and the image runs at its physical address: no virtual function, no pointer in initialised data,
/// nothing that needs an absolute address (tests/check_elf.py looks).
#pragma once

#include <arch/context.h>

#include <string_view>

#include "kernel/entry.h"
#include "kernel/lib/result.h"
#include "kernel/lib/types.h"
#include "mm/address.h"

namespace meridian::arch {

/// The register values that enable_mmu.S writes, and what entry.S needs after it. Offsets into it
/// are generated (asm_offsets.cc).
struct MmuSetup {
  u64 mair, tcr;
  u64 ttbr0, ttbr1;
  u64 sctlr;
  u64 offset;      // high minus physical
  u64 empty_root;  // TTBR0 from then on
};

/// Filled before the MMU is on; constant afterwards.
extern BootInfo boot_info;
extern "C" MmuSetup mmu_setup;

/// Makes every absolute address in the image right for running at `image` (its first byte). Runs
/// once, before anything reads such an address.
void relocate_image(VirtAddr image);

/// What a glance at the device tree shows, without trusting a byte of it.
struct TreeGlance {
  u64 size = 0;  // as its header says
  PhysAddr uart;
  bool has_uart = false;
  std::string_view bootargs;  // where it lies in physical memory
};
/// Errc::not_aligned, bad_format (no magic), too_large, truncated (the header).
Result<TreeGlance> glance_at_tree(PhysAddr tree);
inline constexpr u64 kMaxTreeSize = 2_MiB;  // as the boot protocol allows

/// Builds the kernel's tables and the identity map, and fills in what boot_info and mmu_setup still
/// lack. Errc::out_of_frames if the pool is too small.
Result<void> build_early_map();

extern "C" {
extern ThreadContext boot_context;  // who runs until the kernel has threads

const MmuSetup* early_start(u64 tree, u64 entry_level);
[[noreturn]] void start_high();
[[noreturn]] void early_stop_wrong_level(u64 level, u64 tree);
u64 early_recover(u64 esr, u64 elr, u64 far);

// In el2_to_el1.S: an access that may fault, and where to go on then.
extern char el2_gic_access[], el2_without_gic[];

// In early_vectors.S and entry.S.
u64 early_probe32(u64 address);  // the word there, or ~0 if the access faults
extern char early_probe32_access[] [[gnu::visibility("hidden")]];  // the instruction that may fault
[[noreturn]] void park();
}

}  // namespace meridian::arch
