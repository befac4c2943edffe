/* SPDX-License-Identifier: MIT */
/*
 * Exceptions before the kernel's own vectors stand. None is expected: each ends in one line and a
 * stop, but for the few things that boot tries without knowing whether the machine has them.
 */
#include <generated/asm_offsets.h>

#include "arch/aarch64/asm.h"

        .section .text.vectors, "ax"

        .balign 2048
FUNCTION early_vectors
        .rept   16
        .balign 128
        b       early_exception
        .endr
        .balign 128
END early_vectors

/*
 * early_exception: early_recover() says where to go on, or stops. What is interrupted and goes on
 * knows that x0 to x18 are lost; x0 is then ~0, as after a semihosting call that failed.
 */
FUNCTION early_exception
        stp     x30, x9, [sp, #-16]!
        mrs     x9, currentel
        cmp     x9, #CURRENT_EL2
        b.eq    1f
        mrs     x0, esr_el1
        mrs     x1, elr_el1
        mrs     x2, far_el1
        bl      early_recover
        msr     elr_el1, x0
        b       2f
1:      mrs     x0, esr_el2
        mrs     x1, elr_el2
        mrs     x2, far_el2
        bl      early_recover
        msr     elr_el2, x0
2:      mov     x0, #-1
        ldp     x30, x9, [sp], #16
        eret
END early_exception

/*
 * early_probe32: the 32-bit word at the address in x0, in x0; ~0 if reading it faults.
 */
FUNCTION early_probe32
        .global early_probe32_access
        .hidden early_probe32_access
early_probe32_access:
        ldr     w0, [x0]
        ret
END early_probe32
