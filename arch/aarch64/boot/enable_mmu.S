/* SPDX-License-Identifier: MIT */
/* The switch. This code alone is identity mapped, and only while it runs. */
#include <generated/asm_offsets.h>

#include "arch/aarch64/asm.h"

        .section .text.identity, "ax"

/*
 * enable_mmu: turn stage 1 translation on and return to the caller at its high address.
 *
 * In        x0   MmuSetup: the register values, and the offset from physical to high
 *           MMU and data cache off; this code's page is in the identity map (TTBR0), the caller in
 *           the kernel map (TTBR1).
 * Out       MMU and caches on, PC high. SP is still physical, the identity map still live.
 * Clobbers  x9, x10
 */
FUNCTION enable_mmu
        ldp     x9, x10, [x0, #MMU_SETUP_MAIR_TCR]
        msr     mair_el1, x9
        msr     tcr_el1, x10
        ldp     x9, x10, [x0, #MMU_SETUP_TTBR0_TTBR1]
        msr     ttbr0_el1, x9
        msr     ttbr1_el1, x10
        ldp     x9, x10, [x0, #MMU_SETUP_SCTLR_OFFSET]
        tlbi    vmalle1                         // what firmware left behind
        dsb     nsh                             // ... is gone, and our table writes are visible,
        isb                                     // before the first translated fetch
        msr     sctlr_el1, x9                   // M, C and I
        isb                                     // from here on every fetch is translated
        ic      iallu                           // lines fetched while the cache was off by law only
        dsb     nsh
        isb
        add     x30, x30, x10
        ret
END enable_mmu
