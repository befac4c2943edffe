/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs' way in. The firmware starts each here, at the image's physical address, with the MMU
 * off; the image is relocated and mapped already, so all that is left is to switch this CPU's MMU on,
 * as CPU 0's was, by way of the same identity map.
 */
#include <generated/asm_offsets.h>

#include "arch/aarch64/asm.h"

        .section .text.boot, "ax"

/*
 * secondary_entry: what arch::start_cpu() tells the firmware.
 *
 * In        x0   this CPU's index
 *           EL1 or EL2, MMU off; everything else is unknown.
 */
FUNCTION secondary_entry
        msr     daifset, #0xf
        msr     spsel, #1
        mov     x20, x0
        adr_far x9, secondary_early_stacks
        add     x10, x20, #1
        add     x9, x9, x10, lsl #SECONDARY_STACK_SHIFT
        mov     sp, x9
        mov     x29, #0
        mov     x30, #0
        mrs     x9, currentel
        cmp     x9, #CURRENT_EL2
        b.ne    1f
        bl      el2_to_el1
1:
        ldr     x9, =SCTLR_EL1_MMU_OFF
        msr     sctlr_el1, x9
        adr_far x9, early_vectors
        msr     vbar_el1, x9
        isb

        adr_far x0, mmu_setup
        ldr     x22, [x0, #MMU_SETUP_EMPTY_ROOT]
        bl      enable_mmu

        // High, as in entry.S: the identity map goes first.
        adr_far x9, early_vectors
        msr     vbar_el1, x9
        msr     ttbr0_el1, x22
        isb
        tlbi    vmalle1
        dsb     nsh
        isb

        adr_far x9, secondary_starts
        add     x9, x9, x20, lsl #SECONDARY_START_SHIFT
        ldp     x10, x11, [x9]
        mov     sp, x10
        msr     tpidr_el1, x11
        mov     x29, #0
        bl      start_secondary_high            // does not return
        brk     #0
END secondary_entry
