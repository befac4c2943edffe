/* SPDX-License-Identifier: MIT */
/* From EL2 to EL1, with EL2 set up so that it stays out of EL1's way. */
#include <generated/asm_offsets.h>

#include "arch/aarch64/asm.h"

        .global el2_gic_access, el2_without_gic
        .hidden el2_gic_access, el2_without_gic
        .section .text.boot, "ax"

/* Skips to \label unless the field of 4 bits at \shift of ID register \reg is at least 1. */
        .macro  unless_feature reg, shift, label
        mrs     x9, \reg
        ubfx    x9, x9, #\shift, #4
        cbz     x9, \label
        .endm

/*
 * el2_to_el1: return to the caller at EL1, on the same stack, interrupts masked.
 *
 * Reset values at EL2 are unknown (Arm ARM, "Reset behavior"), so each register that can trap or
 * change what EL1 does is written. Register names that the assembler may not know are spelled by
 * their encoding.
 *
 * In        EL2, MMU off, sp
 * Out       EL1h, DAIF set, MMU off, the same sp
 * Clobbers  x9, x10
 */
FUNCTION el2_to_el1
        adr_far x9, early_vectors               // a trap here says so, too
        msr     vbar_el2, x9
        ldr     x9, =HCR_EL2_VALUE              // EL1 is AArch64, nothing is trapped, no stage 2
        msr     hcr_el2, x9
        isb                                     // E2H decides what the names below mean

        mrs     x9, midr_el1                    // EL1 reads the real identification
        msr     vpidr_el2, x9
        mrs     x9, mpidr_el1
        msr     vmpidr_el2, x9

        ldr     x9, =CNTHCTL_EL2_VALUE          // EL1 may use the physical counter and timer
        msr     cnthctl_el2, x9
        msr     cntvoff_el2, xzr                // virtual time is physical time
        ldr     x9, =CPTR_EL2_VALUE             // no trap of FP; SVE and SME stay trapped
        msr     cptr_el2, x9
        msr     hstr_el2, xzr
        msr     vttbr_el2, xzr

        mov     x10, #0                         // no debug or performance trap,
        mrs     x9, id_aa64dfr0_el1
        ubfx    x9, x9, #ID_AA64DFR0_PMUVER_SHIFT, #4
        cbz     x9, 1f                          // no PMU
        cmp     x9, #0xf
        b.eq    1f                              // one that is not the architecture's
        mrs     x10, pmcr_el0                   // and EL1 has all event counters (HPMN = N)
        ubfx    x10, x10, #PMCR_EL0_N_SHIFT, #5
1:      msr     mdcr_el2, x10

        unless_feature id_aa64pfr0_el1, ID_AA64PFR0_GIC_SHIFT, el2_without_gic
el2_gic_access:                                 // QEMU's a64fx claims it, whatever GIC it is given
        mrs     x9, s3_4_c12_c9_5               // ICC_SRE_EL2
        orr     x9, x9, #ICC_SRE_EL2_SRE
        orr     x9, x9, #ICC_SRE_EL2_ENABLE
        msr     s3_4_c12_c9_5, x9               // EL1 reaches the GIC by system registers,
        isb                                     // (which the next line needs, too)
        msr     s3_4_c12_c11_0, xzr             // ICH_HCR_EL2: the real ones, not virtual ones
el2_without_gic:
        unless_feature id_aa64mmfr0_el1, ID_AA64MMFR0_FGT_SHIFT, 3f
        msr     s3_4_c1_c1_4, xzr               // HFGRTR_EL2: no fine-grained trap at all
        msr     s3_4_c1_c1_5, xzr               // HFGWTR_EL2
        msr     s3_4_c1_c1_6, xzr               // HFGITR_EL2
        msr     s3_4_c3_c1_4, xzr               // HDFGRTR_EL2
        msr     s3_4_c3_c1_5, xzr               // HDFGWTR_EL2
3:
        unless_feature id_aa64mmfr1_el1, ID_AA64MMFR1_HCX_SHIFT, 4f
        msr     s3_4_c1_c2_2, xzr               // HCRX_EL2
4:
        ldr     x9, =SCTLR_EL1_MMU_OFF          // in place before EL1 fetches anything
        msr     sctlr_el1, x9
        ldr     x9, =SPSR_EL1H_MASKED
        msr     spsr_el2, x9
        msr     elr_el2, x30
        mov     x9, sp
        msr     sp_el1, x9
        eret
END el2_to_el1
