/* SPDX-License-Identifier: MIT */
/*
 * The probes' accesses: one instruction each that may fault, and says so.
 *
 * In        x0   the address
 *           x1   a Fault, which gets ESR and FAR if the access faults
 *           x2   the value (stores)
 * Out       x0   the value (loads), 0 after a fault
 */
#include <generated/asm_offsets.h>

#include "arch/aarch64/asm.h"

        .text

        .macro  load_probe name, instruction, target
FUNCTION \name
1:      \instruction \target, [x0]
        mov     x0, x9
        ret
        EX_TABLE 1b, probe_faulted, EX_PLAIN
END \name
        .endm

        .macro  store_probe name, instruction, source
FUNCTION \name
1:      \instruction \source, [x0]
        ret
        EX_TABLE 1b, probe_faulted, EX_PLAIN
END \name
        .endm

        load_probe probe_load8, ldrb, w9
        load_probe probe_load16, ldrh, w9
        load_probe probe_load32, ldr, w9
        load_probe probe_load64, ldr, x9
        load_probe probe_user_load8, ldtrb, w9
        load_probe probe_user_load32, ldtr, w9

        store_probe probe_store8, strb, w2
        store_probe probe_store16, strh, w2
        store_probe probe_store32, str, w2
        store_probe probe_store64, str, x2
        store_probe probe_user_store8, sttrb, w2
        store_probe probe_user_store16, sttrh, w2
        store_probe probe_user_store32, sttr, w2
        store_probe probe_user_store64, sttr, x2

FUNCTION probe_faulted
        stp     x16, x17, [x1, #FAULT_ESR_FAR]
        mov     x0, #0
        ret
END probe_faulted

/* A byte stored back where it was read, in one atomic step. */
FUNCTION probe_touch8
1:      ldxrb   w9, [x0]
2:      stxrb   w10, w9, [x0]
        cbnz    w10, 1b
        mov     x0, x9
        ret
        EX_TABLE 1b, probe_faulted, EX_PLAIN
        EX_TABLE 2b, probe_faulted, EX_PLAIN
END probe_touch8

/* The same with EL0's rights; there is no exclusive form of LDTR. */
FUNCTION probe_user_touch8
1:      ldtrb   w9, [x0]
2:      sttrb   w9, [x0]
        mov     x0, x9
        ret
        EX_TABLE 1b, probe_faulted, EX_PLAIN
        EX_TABLE 2b, probe_faulted, EX_PLAIN
END probe_user_touch8

/* A call of the address, where a `ret` is or nothing can be fetched. */
FUNCTION probe_call
        stp     x29, x30, [sp, #-32]!
        mov     x29, sp
        str     x1, [sp, #16]
        blr     x0
1:      ldp     x29, x30, [sp], #32
        ret
2:      ldr     x1, [sp, #16]
        stp     x16, x17, [x1, #FAULT_ESR_FAR]
        b       1b
        EX_TABLE 1b, 2b, EX_CALL
END probe_call
