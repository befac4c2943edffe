/* SPDX-License-Identifier: MIT */
/* A fault in the middle of code that counts on every register. */
#include <generated/asm_offsets.h>

#include "arch/aarch64/asm.h"

        .text

/* Value \n of the pattern: n in every byte but the top one, so that no two are alike. */
        .macro  set_pattern n
        movz    x\n, #(\n * 0x0101)
        movk    x\n, #(\n * 0x0101 + 1), lsl #16
        movk    x\n, #(\n * 0x0101 + 2), lsl #32
        movk    x\n, #0xabcd, lsl #48
        .endm

/* Adds 1 to x0 unless register \n still has its pattern. Uses x16. */
        .macro  check_pattern n
        movz    x16, #(\n * 0x0101)
        movk    x16, #(\n * 0x0101 + 1), lsl #16
        movk    x16, #(\n * 0x0101 + 2), lsl #32
        movk    x16, #0xabcd, lsl #48
        cmp     x\n, x16
        cinc    x0, x0, ne
        .endm

/*
 * registers_lost_by_a_fault: load from the address in x0, which must fault, with a pattern in every
 * register but x0 (the address), x16 and x17 (which the fixup gets) and SP.
 *
 * Out       x0   how many registers, SP and flags had another value afterwards
 */
FUNCTION registers_lost_by_a_fault
        stp     x29, x30, [sp, #-96]!
        mov     x29, sp
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        mov     x1, sp
        msr     tpidr_el0, x1
        .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
        set_pattern \n
        .endr
        cmp     x0, x0                          // Z and C set, N and V clear
1:      ldr     x1, [x0]
        EX_TABLE 1b, 2f, EX_PLAIN
        mov     x0, #100                        // no fault: all is lost
        b       3f
2:      cset    x0, ne
        .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
        check_pattern \n
        .endr
        mrs     x16, tpidr_el0
        cmp     sp, x16
        cinc    x0, x0, ne
        mov     sp, x16
3:      msr     tpidr_el0, xzr
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     x29, x30, [sp], #96
        ret
END registers_lost_by_a_fault

/* only_ret: the one instruction that an execute probe may run. */
FUNCTION only_ret
        ret
END only_ret
