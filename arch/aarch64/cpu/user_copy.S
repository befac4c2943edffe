/* SPDX-License-Identifier: MIT */
/*
 * Copies that may meet a fault and then stop, with every byte before the bad one copied. What lies in a
 * program is accessed with LDTR and STTR, so with EL0's rights: no address, however wrong, gets at
 * anything that the program itself could not. Big steps first; after a fault in one, byte by byte to
 * the exact place.
 */
#include <generated/asm_offsets.h>

#include "arch/aarch64/asm.h"

        .text

/* An access to a program's memory; the kernel may provide the page first. */
        .macro  access_user fixup, instruction, operands:vararg
9:      \instruction \operands
        EX_TABLE 9b, \fixup, EX_USER_COPY
        .endm

/* An access of the kernel's own that may fault. */
        .macro  access_checked fixup, instruction, operands:vararg
9:      \instruction \operands
        EX_TABLE 9b, \fixup, EX_PLAIN
        .endm

/* An access of the kernel's own. */
        .macro  access_sure fixup, instruction, operands:vararg
        \instruction \operands
        .endm

/*
 * Eight words from [x1] to x3 to x10: one by one (LDTR has no form for pairs), or in pairs where no fault
 * can be.
 */
        .macro  load_words access, load, fixup
        .irp    n, 3, 4, 5, 6, 7, 8, 9, 10
        \access \fixup, \load, x\n, [x1, #(\n - 3) * 8]
        .endr
        .endm
        .macro  load_pairs access, load, fixup
        ldp     x3, x4, [x1]
        ldp     x5, x6, [x1, #16]
        ldp     x7, x8, [x1, #32]
        ldp     x9, x10, [x1, #48]
        .endm

/* And from there to [x0]. */
        .macro  store_words access, store, fixup
        .irp    n, 3, 4, 5, 6, 7, 8, 9, 10
        \access \fixup, \store, x\n, [x0, #(\n - 3) * 8]
        .endr
        .endm
        .macro  store_pairs access, store, fixup
        stp     x3, x4, [x0]
        stp     x5, x6, [x0, #16]
        stp     x7, x8, [x0, #32]
        stp     x9, x10, [x0, #48]
        .endm

/*
 * A copy function.
 *
 * In        x0   to
 *           x1   from
 *           x2   bytes
 * Out       x0   bytes not copied
 * Clobbers  x1 to x10, x16, x17
 */
        .macro  copy_function name, load_block, load_access, load, load_byte, store_block, store_access, store, store_byte
FUNCTION \name
        subs    x2, x2, #64
        b.lo    2f
1:      \load_block \load_access, \load, 6f
        \store_block \store_access, \store, 6f
        add     x0, x0, #64
        add     x1, x1, #64
        subs    x2, x2, #64
        b.hs    1b
2:      adds    x2, x2, #64 - 8
        b.lo    4f
3:      \load_access 7f, \load, x3, [x1]
        \store_access 7f, \store, x3, [x0]
        add     x0, x0, #8
        add     x1, x1, #8
        subs    x2, x2, #8
        b.hs    3b
4:      adds    x2, x2, #8
        b.eq    8f
5:      \load_access 8f, \load_byte, w3, [x1]
        \store_access 8f, \store_byte, w3, [x0]
        add     x0, x0, #1
        add     x1, x1, #1
        subs    x2, x2, #1
        b.ne    5b
        b       8f
6:      add     x2, x2, #64                     // a step failed: bytes from where it began
        b       5b
7:      add     x2, x2, #8
        b       5b
8:      mov     x0, x2
        ret
END \name
        .endm

        copy_function copy_in_bytes, load_words, access_user, ldtr, ldtrb, store_pairs, access_sure, str, strb
        copy_function copy_out_bytes, load_pairs, access_sure, ldr, ldrb, store_words, access_user, sttr, sttrb
        copy_function copy_checked_bytes, load_words, access_checked, ldr, ldrb, store_words, access_checked, str, strb

/*
 * clear_out_bytes: zeros into a program's memory.
 *
 * In        x0   to
 *           x1   bytes
 * Out       x0   bytes not cleared
 * Clobbers  x1, x16, x17
 */
FUNCTION clear_out_bytes
        subs    x1, x1, #8
        b.lo    2f
1:      access_user 4f, sttr, xzr, [x0]
        add     x0, x0, #8
        subs    x1, x1, #8
        b.hs    1b
2:      adds    x1, x1, #8
        b.eq    5f
3:      access_user 5f, sttrb, wzr, [x0]
        add     x0, x0, #1
        subs    x1, x1, #1
        b.ne    3b
        b       5f
4:      add     x1, x1, #8
        b       3b
5:      mov     x0, x1
        ret
END clear_out_bytes
