/* SPDX-License-Identifier: MIT */
/*
 * To EL0: for good (go_to_user_at), or and back, as a function call: enter_user_at returns when somebody
 * calls leave_user_at. In between, exceptions from EL0 use the kernel stack below enter_user_at's frame.
 */
#include <generated/asm_offsets.h>

#include "arch/aarch64/asm.h"

        .text

/*
 * go_to_user_at: to EL0 with every register from a frame, above which SP_EL1 stays.
 *
 * In        x0   the TrapFrame, on this kernel stack
 */
FUNCTION go_to_user_at
        mov     sp, x0
        b       return_to_el0
END go_to_user_at

/* What a function must keep, and the interrupt masks. */
#define SAVED_SIZE      112

/*
 * enter_user_at: load every register from the frame and go to EL0.
 *
 * In        x0   the UserContext: its frame has the registers; its kernel_sp is set
 * Out       x0   what leave_user_at was given
 */
FUNCTION enter_user_at
        mrs     x9, daif
        stp     x29, x30, [sp, #-SAVED_SIZE]!
        mov     x29, sp
        stp     x19, x20, [sp, #16 * 1]
        stp     x21, x22, [sp, #16 * 2]
        stp     x23, x24, [sp, #16 * 3]
        stp     x25, x26, [sp, #16 * 4]
        stp     x27, x28, [sp, #16 * 5]
        str     x9, [sp, #16 * 6]
        mov     x9, sp
        str     x9, [x0, #USER_CONTEXT_KERNEL_SP]

        msr     daifset, #DAIF_ALL              // ELR and SPSR are ours alone until the eret
        ldp     x30, x9, [x0, #TRAP_FRAME_X30_SP]
        ldp     x10, x11, [x0, #TRAP_FRAME_ELR_SPSR]
        msr     sp_el0, x9
        msr     elr_el1, x10
        msr     spsr_el1, x11
        ldp     x2, x3, [x0, #16 * 1]
        ldp     x4, x5, [x0, #16 * 2]
        ldp     x6, x7, [x0, #16 * 3]
        ldp     x8, x9, [x0, #16 * 4]
        ldp     x10, x11, [x0, #16 * 5]
        ldp     x12, x13, [x0, #16 * 6]
        ldp     x14, x15, [x0, #16 * 7]
        ldp     x16, x17, [x0, #16 * 8]
        ldp     x18, x19, [x0, #16 * 9]
        ldp     x20, x21, [x0, #16 * 10]
        ldp     x22, x23, [x0, #16 * 11]
        ldp     x24, x25, [x0, #16 * 12]
        ldp     x26, x27, [x0, #16 * 13]
        ldp     x28, x29, [x0, #16 * 14]
        ldp     x0, x1, [x0]
        eret
END enter_user_at

/*
 * leave_user_at: return from the enter_user_at that entered this context. What is on the stack below
 * its frame is forgotten.
 *
 * In        x0   the UserContext
 *           x1   what enter_user_at returns
 */
FUNCTION leave_user_at
        ldr     x9, [x0, #USER_CONTEXT_KERNEL_SP]
        mov     sp, x9
        mov     x0, x1
        ldp     x19, x20, [sp, #16 * 1]
        ldp     x21, x22, [sp, #16 * 2]
        ldp     x23, x24, [sp, #16 * 3]
        ldp     x25, x26, [sp, #16 * 4]
        ldp     x27, x28, [sp, #16 * 5]
        ldr     x9, [sp, #16 * 6]
        ldp     x29, x30, [sp], #SAVED_SIZE
        msr     daif, x9
        ret
END leave_user_at
