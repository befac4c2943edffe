/* SPDX-License-Identifier: MIT */
/*
 * The sixteen doors into EL1, and the ways back. An exception leaves a TrapFrame on the kernel stack:
 * every general register, so that a report can print them and a fork or a signal can change them.
 *
 * SP at EL0 is the program's; SP at EL1 is where the way to EL0 left the kernel stack. From EL1 the stack
 * may have run over: that is found out before anything is stored, from one bit of SP, because a
 * kernel stack is the upper half of a block of twice its size (mm/page_size.h).
 */
#include <generated/asm_offsets.h>

#include "arch/aarch64/asm.h"

        .section .text.vectors, "ax"

/*
 * For debuggers: the caller of a frame of this file is what the exception interrupted, and while a TrapFrame
 * stands at SP, every register of that is in it. Before that nothing is claimed. Nothing of this is in the image:
 * the kernel's own backtraces follow frame records.
 */
#define DWARF_PC 32
        .cfi_sections .debug_frame

        .macro  nothing_is_claimed
        .cfi_startproc
        .cfi_return_column DWARF_PC
        .cfi_undefined DWARF_PC
        .endm

        .macro  TRAP_FUNCTION name
FUNCTION \name
        nothing_is_claimed
        .endm

        .macro  TRAP_END name
        .cfi_endproc
END \name
        .endm

        .macro  frame_stands
        .cfi_def_cfa sp, TRAP_FRAME_SIZE
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        .cfi_offset \n, 8 * \n - TRAP_FRAME_SIZE
        .endr
        .irp    n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
        .cfi_offset \n, 8 * \n - TRAP_FRAME_SIZE
        .endr
        .cfi_offset sp, TRAP_FRAME_X30_SP + 8 - TRAP_FRAME_SIZE
        .cfi_offset DWARF_PC, TRAP_FRAME_ELR_SPSR - TRAP_FRAME_SIZE
        .endm

/* To a debugger a part of its own, because what it calls was not called by what was interrupted: the PC in the
   TrapFrame is where that stands, no return address behind a call. */
        .macro  call_handler handler
        mov     x0, sp
        .cfi_endproc
        .cfi_startproc
        .cfi_signal_frame
        .cfi_return_column DWARF_PC
        frame_stands
        bl      \handler
        .endm

/* x0 to x29, the first fifteen pairs, where SP points; or in a new frame. */
        .macro  store_pairs
        stp     x0, x1, [sp, #16 * 0]
        store_other_pairs
        .endm

        .macro  push_pairs
        stp     x0, x1, [sp, #-TRAP_FRAME_SIZE]!
        store_other_pairs
        .endm

        .macro  store_other_pairs
        stp     x2, x3, [sp, #16 * 1]
        stp     x4, x5, [sp, #16 * 2]
        stp     x6, x7, [sp, #16 * 3]
        stp     x8, x9, [sp, #16 * 4]
        stp     x10, x11, [sp, #16 * 5]
        stp     x12, x13, [sp, #16 * 6]
        stp     x14, x15, [sp, #16 * 7]
        stp     x16, x17, [sp, #16 * 8]
        stp     x18, x19, [sp, #16 * 9]
        stp     x20, x21, [sp, #16 * 10]
        stp     x22, x23, [sp, #16 * 11]
        stp     x24, x25, [sp, #16 * 12]
        stp     x26, x27, [sp, #16 * 13]
        stp     x28, x29, [sp, #16 * 14]
        .endm

/* The way back of push_pairs. */
        .macro  pop_pairs
        ldp     x20, x21, [sp, #16 * 10]
        ldp     x22, x23, [sp, #16 * 11]
        ldp     x24, x25, [sp, #16 * 12]
        ldp     x26, x27, [sp, #16 * 13]
        pop_scratch_pairs
        .endm

/* The same without the registers that functions keep, but for those that stand beside others. */
        .macro  pop_scratch_pairs
        ldp     x2, x3, [sp, #16 * 1]
        ldp     x4, x5, [sp, #16 * 2]
        ldp     x6, x7, [sp, #16 * 3]
        ldp     x8, x9, [sp, #16 * 4]
        ldp     x10, x11, [sp, #16 * 5]
        ldp     x12, x13, [sp, #16 * 6]
        ldp     x14, x15, [sp, #16 * 7]
        ldp     x16, x17, [sp, #16 * 8]
        ldp     x18, x19, [sp, #16 * 9]
        ldp     x28, x29, [sp, #16 * 14]
        ldp     x0, x1, [sp], #TRAP_FRAME_SIZE
        .cfi_def_cfa_offset 0                   // SPSR masks interrupts: nothing writes there yet
        .endm

/*
 * What is left of an EL0 frame: x30 and SP_EL0, ELR and SPSR. x29 = 0: no frame is above ours. x19 to x28
 * stay the program's (return_kept_to_el0).
 */
        .macro  store_el0_rest
        mrs     x10, sp_el0
        mrs     x11, elr_el1
        mrs     x12, spsr_el1
        stp     x30, x10, [sp, #TRAP_FRAME_X30_SP]
        stp     x11, x12, [sp, #TRAP_FRAME_ELR_SPSR]
        mov     x29, #0
        frame_stands
        .endm

/* The way back of store_el0_rest. All is masked: ELR and SPSR are ours alone until the eret. */
        .macro  load_el0_rest
        ldp     x30, x10, [sp, #TRAP_FRAME_X30_SP]
        ldp     x11, x12, [sp, #TRAP_FRAME_ELR_SPSR]
        msr     sp_el0, x10
        msr     elr_el1, x11
        msr     spsr_el1, x12
        .endm

/* What is left of an EL1 frame, and a frame record that leads to the interrupted function. */
        .macro  store_el1_rest
        mrs     x21, elr_el1
        mrs     x22, spsr_el1
        add     x20, sp, #TRAP_FRAME_SIZE
        stp     x30, x20, [sp, #TRAP_FRAME_X30_SP]
        stp     x21, x22, [sp, #TRAP_FRAME_ELR_SPSR]
        stp     x29, x21, [sp, #TRAP_FRAME_RECORD]
        add     x29, sp, #TRAP_FRAME_RECORD
        frame_stands
        .endm

        .macro  store_syndrome
        mrs     x13, esr_el1
        mrs     x14, far_el1
        stp     x13, x14, [sp, #TRAP_FRAME_ESR_FAR]
        .endm

/*
 * An entry from EL0. There is room on the stack: SP is where the way to EL0 left it, at most a few frames
 * below the stack's top.
 */
        .macro  from_el0 handler
        .balign 128
        push_pairs
        b       \handler
        .endm

/*
 * An entry from EL1. With x0 and SP alone, and no memory: sp' = sp + x0, x0' = sp' - x0 = sp; and
 * back, x0 = sp' - x0', sp = sp' - x0.
 */
        .macro  from_el1 handler
        .balign 128
        sub     sp, sp, #TRAP_FRAME_SIZE
        add     sp, sp, x0
        sub     x0, sp, x0
        tbz     x0, #STACK_OVERFLOW_BIT, stack_overflow
        sub     x0, sp, x0
        sub     sp, sp, x0
        b       \handler
        .endm

        .balign 2048
TRAP_FUNCTION trap_vectors
        from_el1 unexpected_0                   // EL1 with SP_EL0: nothing here runs so
        from_el1 unexpected_1
        from_el1 unexpected_2
        from_el1 unexpected_3
        from_el1 el1_sync                       // EL1
        from_el1 el1_irq
        from_el1 unexpected_6                   // FIQ: no source is routed there
        from_el1 unexpected_7                   // SError

        .balign 128                             // EL0: a system call, before anything else
        push_pairs
        mrs     x13, esr_el1
        store_el0_rest
        lsr     x14, x13, #ESR_EC_SHIFT
        cmp     x14, #ESR_EC_SVC64
        b.eq    el0_svc
        mrs     x14, far_el1
        stp     x13, x14, [sp, #TRAP_FRAME_ESR_FAR]
        call_handler trap_el0_fault
        b       return_kept_to_el0
        .cfi_endproc
        nothing_is_claimed

        from_el0 el0_irq
        from_el0 unexpected_10
        from_el0 unexpected_11
        from_el0 unexpected_12                  // AArch32: nothing here starts such a program
        from_el0 unexpected_13
        from_el0 unexpected_14
        from_el0 unexpected_15
        .balign 128
TRAP_END trap_vectors

TRAP_FUNCTION el0_svc
        frame_stands
        call_handler handle_syscall
END el0_svc                                     // and on into return_kept_to_el0

/*
 * return_kept_to_el0: return_to_el0 for a frame in which nobody has changed x19 to x28 since it was
 * stored. The compiler's functions have kept these: they hold what the program had in them. All is
 * masked already.
 */
FUNCTION return_kept_to_el0
        load_el0_rest
        pop_scratch_pairs
        eret
TRAP_END return_kept_to_el0

TRAP_FUNCTION el0_irq
        store_el0_rest
        call_handler trap_irq
        b       return_to_el0
TRAP_END el0_irq

/* return_to_el0: load the frame at SP and go where it says. */
TRAP_FUNCTION return_to_el0
        frame_stands
        msr     daifset, #DAIF_ALL
        load_el0_rest
        pop_pairs
        eret
TRAP_END return_to_el0

TRAP_FUNCTION el1_sync
        store_pairs
        store_el1_rest
        store_syndrome
        call_handler trap_el1_sync
        b       return_to_el1
TRAP_END el1_sync

TRAP_FUNCTION el1_irq
        store_pairs
        store_el1_rest
        call_handler trap_irq
        b       return_to_el1
TRAP_END el1_irq

TRAP_FUNCTION return_to_el1
        frame_stands
        msr     daifset, #DAIF_ALL
        ldr     x30, [sp, #TRAP_FRAME_X30_SP]
        ldp     x21, x22, [sp, #TRAP_FRAME_ELR_SPSR]
        msr     elr_el1, x21
        msr     spsr_el1, x22
        pop_pairs
        eret
TRAP_END return_to_el1

/* The doors that nothing should come through: a report that names the door. No way back. */
        .macro  unexpected_el1 number
TRAP_FUNCTION unexpected_\number
        store_pairs
        store_el1_rest
        store_syndrome
        mov     x1, #\number
        call_handler trap_unexpected
        brk     #0
TRAP_END unexpected_\number
        .endm

        .macro  unexpected_el0 number
TRAP_FUNCTION unexpected_\number                // push_pairs is done
        store_el0_rest
        store_syndrome
        mov     x1, #\number
        call_handler trap_unexpected
        brk     #0
TRAP_END unexpected_\number
        .endm

        .irp    number, 0, 1, 2, 3, 6, 7
        unexpected_el1 \number
        .endr
        .irp    number, 10, 11, 12, 13, 14, 15
        unexpected_el0 \number
        .endr

/*
 * stack_overflow: SP points outside the kernel stack. Nothing can be stored there, so the report runs
 * on a stack that this CPU keeps for it. The machine does not go on after this, so the program's
 * thread registers may serve as scratch.
 *
 * In        x0   SP - TRAP_FRAME_SIZE of the interrupted code
 *           sp   that plus the interrupted code's x0
 */
TRAP_FUNCTION stack_overflow
        msr     tpidrro_el0, x0
        sub     x0, sp, x0
        msr     tpidr_el0, x0
        mrs     x0, tpidr_el1
        ldr     w0, [x0, #CONTEXT_CPU]
        lsl     x0, x0, #3
        mov     sp, x0                          // the second register that we do not have
        adr_far x0, overflow_stack_tops
        add     x0, sp, x0
        ldr     x0, [x0]
        sub     x0, x0, #TRAP_FRAME_SIZE
        mov     sp, x0
        mrs     x0, tpidr_el0
        store_pairs
        store_el1_rest
        store_syndrome
        mrs     x20, tpidrro_el0
        add     x20, x20, #TRAP_FRAME_SIZE
        stp     x30, x20, [sp, #TRAP_FRAME_X30_SP]
        call_handler trap_stack_overflow
        brk     #0
TRAP_END stack_overflow
