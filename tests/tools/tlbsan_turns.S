/* SPDX-License-Identifier: MIT */
/*
 * A guest for tests of tlbsan: two CPUs that wait for each other, busily and with no timer set, and then
 * end QEMU through semihosting. Where CPUs take turns, it ends only if nobody keeps the turn.
 */
        .text
        ldr     x0, =0xc4000003                 // CPU_ON: CPU 1 begins at `other`
        mov     x1, #1
        adr     x2, other
        mov     x3, #0
        hvc     #0
        adr     x4, ball
        mov     w5, #0                          // this CPU serves even numbers, the other one odd ones
        mov     w6, #20
1:      str     w5, [x4]
        add     w5, w5, #2
        sub     w7, w5, #1
2:      ldr     w8, [x4]
        cmp     w8, w7
        b.ne    2b
        subs    w6, w6, #1
        b.ne    1b
        mov     w0, #0x18                       // SYS_EXIT, ADP_Stopped_ApplicationExit
        adr     x1, reason
        hlt     #0xf000

other:  adr     x4, ball
3:      ldr     w8, [x4]
        tbnz    w8, #0, 3b                      // odd: it is over there
        add     w8, w8, #1
        str     w8, [x4]
        b       3b

        .balign 16
reason: .quad   0x20026, 0
ball:   .word   1
        .ltorg
