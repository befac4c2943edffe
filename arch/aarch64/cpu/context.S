/* SPDX-License-Identifier: MIT */
/* From one thread's stack to another's. */
#include <generated/asm_offsets.h>

#include "arch/aarch64/asm.h"

        .text

/* What a function must keep: x19 to x30. prepare_context() lays out the same (SwitchFrame). */
#define SAVED_SIZE      96

/*
 * switch_stacks: go on where `to` called this, or at thread_start.
 *
 * In        x0   ThreadContext of the thread that runs
 *           x1   of the one that shall
 */
FUNCTION switch_stacks
        stp     x19, x20, [sp, #-SAVED_SIZE]!
        stp     x21, x22, [sp, #16 * 1]
        stp     x23, x24, [sp, #16 * 2]
        stp     x25, x26, [sp, #16 * 3]
        stp     x27, x28, [sp, #16 * 4]
        stp     x29, x30, [sp, #16 * 5]
        mov     x9, sp
        str     x9, [x0, #CONTEXT_SP]
        ldr     x9, [x1, #CONTEXT_SP]
        mov     sp, x9
        msr     tpidr_el1, x1
        ldp     x21, x22, [sp, #16 * 1]
        ldp     x23, x24, [sp, #16 * 2]
        ldp     x25, x26, [sp, #16 * 3]
        ldp     x27, x28, [sp, #16 * 4]
        ldp     x29, x30, [sp, #16 * 5]
        ldp     x19, x20, [sp], #SAVED_SIZE
        ret
END switch_stacks

/* thread_start: where a new thread begins. In: x19 the function, x20 its argument, x29 = 0. */
FUNCTION thread_start
        mov     x0, x20
        mov     x30, #0                         // nobody called
        blr     x19
        brk     #0
END thread_start
