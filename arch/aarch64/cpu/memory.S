/* SPDX-License-Identifier: MIT */
/*
 * The memory functions that compiled C++ takes for granted, and the two for whole pages. General
 * registers only.
 *
 * They run before the MMU is on too, when all memory is Device memory: there an access that is not
 * aligned to its size faults (on hardware; QEMU lets it pass), and so does DC ZVA. So every wide access is
 * aligned if the pointers are 8-byte aligned; pointers that are not take the wide path only if
 * SCTLR_EL1.M says that the MMU is on, and else go byte by byte; and DC ZVA is used only with the MMU on.
 * Normal memory is taken for granted then: device registers are no business of these functions.
 */
#include "arch/aarch64/asm.h"

        .equ    SCTLR_M_BIT, 0
        .equ    DCZID_DZP_BIT, 4

        .text

/*
 * void* memcpy(void* to, const void* from, size_t bytes)
 *
 * Each step loads all it copies before it stores, and goes upwards: correct also for overlapping memory
 * with to < from (memmove relies on it). x3 is the cursor, x0 stays for the caller.
 */
FUNCTION memcpy
        mov     x3, x0
        orr     x4, x0, x1
        tst     x4, #7
        b.ne    .Lcopy_unaligned
.Lcopy_wide:
        subs    x2, x2, #64
        b.lo    .Lcopy_rest
1:      ldp     x4, x5, [x1], #64
        ldp     x6, x7, [x1, #-48]
        ldp     x8, x9, [x1, #-32]
        ldp     x10, x11, [x1, #-16]
        stp     x4, x5, [x3], #64
        stp     x6, x7, [x3, #-48]
        stp     x8, x9, [x3, #-32]
        stp     x10, x11, [x3, #-16]
        subs    x2, x2, #64
        b.hs    1b
.Lcopy_rest:                                    // the low 6 bits of x2 are what is left
        tbz     x2, #5, 1f
        ldp     x4, x5, [x1], #32
        ldp     x6, x7, [x1, #-16]
        stp     x4, x5, [x3], #32
        stp     x6, x7, [x3, #-16]
1:      tbz     x2, #4, 1f
        ldp     x4, x5, [x1], #16
        stp     x4, x5, [x3], #16
1:      tbz     x2, #3, 1f
        ldr     x4, [x1], #8
        str     x4, [x3], #8
1:      tbz     x2, #2, 1f
        ldr     w4, [x1], #4
        str     w4, [x3], #4
1:      tbz     x2, #1, 1f
        ldrh    w4, [x1], #2
        strh    w4, [x3], #2
1:      tbz     x2, #0, 1f
        ldrb    w4, [x1]
        strb    w4, [x3]
1:      ret

.Lcopy_unaligned:
        mrs     x4, sctlr_el1
        tbnz    x4, #SCTLR_M_BIT, .Lcopy_wide
        cbz     x2, 2f
1:      ldrb    w4, [x1], #1
        strb    w4, [x3], #1
        subs    x2, x2, #1
        b.ne    1b
2:      ret
END memcpy

/* void* memmove(void* to, const void* from, size_t bytes) */
FUNCTION memmove
        sub     x3, x0, x1
        cmp     x3, x2
        b.hs    memcpy                          // to < from, or no overlap: upwards is right

        /* Downwards. The odd bytes at the end go first, so that the rest ends on a multiple of 64
         * from the start, and is aligned if the start is. */
        orr     x4, x0, x1
        add     x1, x1, x2
        add     x3, x0, x2
        tst     x4, #7
        b.ne    .Lmove_unaligned
.Lmove_wide:
        tbz     x2, #0, 1f
        ldrb    w4, [x1, #-1]!
        strb    w4, [x3, #-1]!
1:      tbz     x2, #1, 1f
        ldrh    w4, [x1, #-2]!
        strh    w4, [x3, #-2]!
1:      tbz     x2, #2, 1f
        ldr     w4, [x1, #-4]!
        str     w4, [x3, #-4]!
1:      tbz     x2, #3, 1f
        ldr     x4, [x1, #-8]!
        str     x4, [x3, #-8]!
1:      tbz     x2, #4, 1f
        ldp     x4, x5, [x1, #-16]!
        stp     x4, x5, [x3, #-16]!
1:      tbz     x2, #5, 1f
        ldp     x6, x7, [x1, #-16]
        ldp     x4, x5, [x1, #-32]!
        stp     x6, x7, [x3, #-16]
        stp     x4, x5, [x3, #-32]!
1:      subs    x2, x2, #64
        b.lo    2f
1:      ldp     x10, x11, [x1, #-16]
        ldp     x8, x9, [x1, #-32]
        ldp     x6, x7, [x1, #-48]
        ldp     x4, x5, [x1, #-64]!
        stp     x10, x11, [x3, #-16]
        stp     x8, x9, [x3, #-32]
        stp     x6, x7, [x3, #-48]
        stp     x4, x5, [x3, #-64]!
        subs    x2, x2, #64
        b.hs    1b
2:      ret

.Lmove_unaligned:
        mrs     x4, sctlr_el1
        tbnz    x4, #SCTLR_M_BIT, .Lmove_wide
1:      ldrb    w4, [x1, #-1]!                  // bytes is not 0 here: the ranges overlap
        strb    w4, [x3, #-1]!
        subs    x2, x2, #1
        b.ne    1b
        ret
END memmove

/*
 * void* memset(void* start, int byte, size_t bytes)
 *
 * x3 is the cursor, x1 the byte eight times. Zeroing a lot goes by DC ZVA.
 */
FUNCTION memset
        mov     x3, x0
        and     x1, x1, #0xff
        orr     x1, x1, x1, lsl #8
        orr     x1, x1, x1, lsl #16
        orr     x1, x1, x1, lsl #32
        tst     x0, #7
        b.ne    .Lset_unaligned
.Lset_wide:
        cmp     x2, #256
        ccmp    x1, #0, #0, hs                  // eq: at least 256 zeros
        b.eq    .Lset_zero
.Lset_stores:
        subs    x2, x2, #64
        b.lo    .Lset_rest
1:      stp     x1, x1, [x3], #64
        stp     x1, x1, [x3, #-48]
        stp     x1, x1, [x3, #-32]
        stp     x1, x1, [x3, #-16]
        subs    x2, x2, #64
        b.hs    1b
.Lset_rest:                                     // the low 6 bits of x2 are what is left
        tbz     x2, #5, 1f
        stp     x1, x1, [x3], #32
        stp     x1, x1, [x3, #-16]
1:      tbz     x2, #4, 1f
        stp     x1, x1, [x3], #16
1:      tbz     x2, #3, 1f
        str     x1, [x3], #8
1:      tbz     x2, #2, 1f
        str     w1, [x3], #4
1:      tbz     x2, #1, 1f
        strh    w1, [x3], #2
1:      tbz     x2, #0, 1f
        strb    w1, [x3]
1:      ret

.Lset_unaligned:
        mrs     x4, sctlr_el1
        tbnz    x4, #SCTLR_M_BIT, .Lset_wide
        cbz     x2, 2f
1:      strb    w1, [x3], #1
        subs    x2, x2, #1
        b.ne    1b
2:      ret

        /* x5: the block of DC ZVA. The first block's worth is stored, the blocks that lie whole behind
         * it are zeroed, and the rest is stored again. */
.Lset_zero:
        mrs     x4, sctlr_el1
        tbz     x4, #SCTLR_M_BIT, .Lset_stores
        mrs     x4, dczid_el0
        tbnz    x4, #DCZID_DZP_BIT, .Lset_stores
        mov     x5, #4                          // the register counts words
        lsl     x5, x5, x4                      // by the low 6 bits of x4; DZP is clear, the rest RES0
        cmp     x5, #16                         // as 16 bytes are stored at a time
        b.lo    .Lset_stores
        cmp     x2, x5, lsl #1
        b.lo    .Lset_stores
        add     x6, x3, x2                      // the end
        add     x7, x3, x5                      // the end of the first block's worth
1:      stp     xzr, xzr, [x3], #16
        cmp     x3, x7
        b.lo    1b
        neg     x4, x5
        and     x3, x7, x4                      // down to a block: nothing before it is left out
        sub     x4, x6, x5                      // the last place where a whole block fits
1:      dc      zva, x3
        add     x3, x3, x5
        cmp     x3, x4
        b.ls    1b
        sub     x2, x6, x3
        b       .Lset_stores
END memset

/*
 * void clear_blocks(void* start, size_t bytes)
 *
 * In        x0   64-byte aligned
 *           x1   a multiple of 4 KiB, not 0
 */
FUNCTION clear_blocks
        add     x1, x0, x1                      // the end
        mrs     x2, sctlr_el1
        tbz     x2, #SCTLR_M_BIT, 2f
        mrs     x2, dczid_el0
        tbnz    x2, #DCZID_DZP_BIT, 2f
        mov     x3, #4
        lsl     x3, x3, x2                      // the block in bytes
        cmp     x3, #256                        // sixteen of them must fit into 4 KiB
        b.hi    2f
        sub     x4, x3, #1
        tst     x0, x4
        b.ne    2f                              // not aligned to it
1:      .rept   16
        dc      zva, x0
        add     x0, x0, x3
        .endr
        cmp     x0, x1
        b.lo    1b
        ret

2:      stp     xzr, xzr, [x0], #64
        stp     xzr, xzr, [x0, #-48]
        stp     xzr, xzr, [x0, #-32]
        stp     xzr, xzr, [x0, #-16]
        cmp     x0, x1
        b.lo    2b
        ret
END clear_blocks

/*
 * void copy_blocks(void* to, const void* from, size_t bytes)
 *
 * In        x0, x1   16-byte aligned, not overlapping
 *           x2       a multiple of 512, not 0
 */
FUNCTION copy_blocks
1:      .irp    at, 0, 128, 256, 384
        ldp     x3, x4, [x1, #\at]
        ldp     x5, x6, [x1, #\at + 16]
        ldp     x7, x8, [x1, #\at + 32]
        ldp     x9, x10, [x1, #\at + 48]
        ldp     x11, x12, [x1, #\at + 64]
        ldp     x13, x14, [x1, #\at + 80]
        ldp     x15, x16, [x1, #\at + 96]
        stp     x3, x4, [x0, #\at]
        ldp     x3, x4, [x1, #\at + 112]
        stp     x5, x6, [x0, #\at + 16]
        stp     x7, x8, [x0, #\at + 32]
        stp     x9, x10, [x0, #\at + 48]
        stp     x11, x12, [x0, #\at + 64]
        stp     x13, x14, [x0, #\at + 80]
        stp     x15, x16, [x0, #\at + 96]
        stp     x3, x4, [x0, #\at + 112]
        .endr
        add     x1, x1, #512
        add     x0, x0, #512
        subs    x2, x2, #512
        b.ne    1b
        ret
END copy_blocks

/* int memcmp(const void* a, const void* b, size_t bytes) */
FUNCTION memcmp
        orr     x3, x0, x1
        tst     x3, #7
        b.ne    .Lcompare_unaligned
.Lcompare_wide:
        subs    x2, x2, #8
        b.lo    .Lcompare_rest
1:      ldr     x3, [x0], #8
        ldr     x4, [x1], #8
        cmp     x3, x4
        b.ne    .Lcompare_differ
        subs    x2, x2, #8
        b.hs    1b
.Lcompare_rest:
        add     x2, x2, #8
.Lcompare_bytes:
        cbz     x2, 2f
1:      ldrb    w3, [x0], #1
        ldrb    w4, [x1], #1
        subs    w5, w3, w4
        b.ne    3f
        subs    x2, x2, #1
        b.ne    1b
2:      mov     w0, #0
        ret
3:      mov     w0, w5
        ret
.Lcompare_differ:                               // the first byte in memory is the lowest: make it count most
        rev     x3, x3
        rev     x4, x4
        cmp     x3, x4
        mov     w0, #1
        cneg    w0, w0, lo
        ret
.Lcompare_unaligned:
        mrs     x3, sctlr_el1
        tbnz    x3, #SCTLR_M_BIT, .Lcompare_wide
        b       .Lcompare_bytes
END memcmp

/*
 * size_t strlen(const char* text)
 *
 * Reads aligned words, so it never touches a page without text on it. (w - 0x01..) & ~w & 0x80.. has the
 * top bit of the first zero byte set; the bytes before the text are made non-zero.
 */
FUNCTION strlen
        and     x1, x0, #~7
        ldr     x2, [x1], #8
        lsl     x3, x0, #3                      // 8 bits for each byte before the text (mod 64)
        mov     x4, #-1
        lsl     x3, x4, x3
        orn     x2, x2, x3
        mov     x4, #0x0101010101010101
        b       2f
1:      ldr     x2, [x1], #8
2:      sub     x3, x2, x4
        bic     x3, x3, x2
        ands    x3, x3, #0x8080808080808080
        b.eq    1b
        rev     x3, x3
        clz     x3, x3                          // 8 bits for each byte before the zero
        sub     x1, x1, #8
        add     x1, x1, x3, lsr #3
        sub     x0, x1, x0
        ret
END strlen

/* void* memchr(const void* start, int byte, size_t bytes) */
FUNCTION memchr
        and     w1, w1, #0xff
        cbz     x2, 2f
1:      ldrb    w3, [x0], #1
        cmp     w3, w1
        b.eq    3f
        subs    x2, x2, #1
        b.ne    1b
2:      mov     x0, #0
        ret
3:      sub     x0, x0, #1
        ret
END memchr
