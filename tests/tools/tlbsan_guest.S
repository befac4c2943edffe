/* SPDX-License-Identifier: MIT */
/*
 * A guest for tests of tlbsan: executes BEFORE, switches the MMU on with TCR_EL1 = TCR, uses memory,
 * executes REMAP (all three are macros), and ends QEMU through semihosting. The first gigabyte of RAM is
 * mapped to itself by one block at L1.
 */
        .text
        BEFORE
        adr     x0, table
        msr     ttbr0_el1, x0
        ldr     x1, =TCR
        msr     tcr_el1, x1
        isb
        mov     x2, #1
        msr     sctlr_el1, x2
        isb
        adr     x3, data
        mov     x4, #100
1:      ldr     x5, [x3]
        str     x5, [x3]
        subs    x4, x4, #1
        b.ne    1b
        REMAP
        mov     w0, #0x18                       // SYS_EXIT, ADP_Stopped_ApplicationExit
        adr     x1, reason
        hlt     #0xf000

        .balign 16
reason: .quad   0x20026, 0
data:   .quad   0
        .ltorg
        .balign 4096
table:  .quad   0, 0x40000000 | 1 << 10 | 1     // AF, block
        .balign 4096, 0
