/* SPDX-License-Identifier: MIT */
/*
 * Exceptions before the kernel's own vectors stand. None is expected: each ends in one line and a
 * stop, but for the two things that early_stop.cc tries without knowing whether the machine has them.
 */
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
 * early_exception: leave to early_recover() whether it goes on after the instruction (x0 becomes ~0,
 * as a semihosting call's failure), else stop. The code that tries such things knows that x0 to x18
 * are lost.
 */
FUNCTION early_exception
        mov     x9, x30
        stp     x9, x29, [sp, #-16]!
        mrs     x0, esr_el1
        mrs     x1, elr_el1
        mrs     x2, far_el1
        bl      early_recover                   // x0 = where to go on; returns only if there is one
        msr     elr_el1, x0
        ldp     x30, x29, [sp], #16
        mov     x0, #-1
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
