/* SPDX-License-Identifier: MIT */
/*
 * The smallest thing that run.py can start, so that run.py can be tested without a kernel. It prints
 * the exception level it was entered at and one word of RAM that nobody loaded anything to, and
 * leaves with exit status STATUS; built with HANG, it stays.
 */
        .equ    UART, 0x09000000                // QEMU virt's PL011, which needs no set-up
        .equ    UNTOUCHED, 0x4f000000           // 240 MiB above the start of RAM
        .equ    SYS_EXIT_EXTENDED, 0x20

_start: b       start
        .long   0
        .quad   0                               // text_offset
        .quad   end - _start                    // image_size
        .quad   0xa                             // flags: 4 KiB pages, anywhere
        .quad   0, 0, 0
        .ascii  "ARM\x64"
        .long   0

start:  mov     x1, #UART
        mrs     x2, CurrentEL
        lsr     x2, x2, #2
        add     x2, x2, #'0'
        str     w2, [x1]
        mov     w2, #' '
        str     w2, [x1]

        mov     x3, #UNTOUCHED
        ldr     x3, [x3]
        mov     x4, #16                         // hexadecimal digits left to print
digit:  ror     x3, x3, #60
        and     x5, x3, #15
        add     x6, x5, #'0'
        add     x7, x5, #'a' - 10
        cmp     x5, #9
        csel    x6, x6, x7, ls
        str     w6, [x1]
        subs    x4, x4, #1
        b.ne    digit
        mov     w2, #'\n'
        str     w2, [x1]

#ifdef HANG
        b       .
#endif
        mov     w0, #SYS_EXIT_EXTENDED
        adr     x1, arguments
        hlt     #0xf000
        b       .

        .balign 8
arguments:
        .quad   0x20026, STATUS                 // ADP_Stopped_ApplicationExit
        .balign 8
end:
