/* SPDX-License-Identifier: MIT */
/*
 * What every assembly file uses: FUNCTION and END around a function, adr_far for the address of a
 * symbol relative to PC (good at any load address, with the MMU on or off).
 */
#pragma once

        .macro  FUNCTION name
        .global \name
        .hidden \name
        .type   \name, %function
        .balign 4
\name:
        .endm

        .macro  END name
        .size   \name, . - \name
        .endm

        /* The address of `symbol`, at most 4 GiB away, in `reg`. */
        .macro  adr_far reg, symbol
        adrp    \reg, \symbol
        add     \reg, \reg, :lo12:\symbol
        .endm

/*
 * EX_TABLE: if the instruction at `at` faults, execution goes on at `fixup` with ESR in x16 and FAR in
 * x17. `kind` (EX_*, generated from trap/ex_table.h) says what may be tried before that. Entries are
 * relative, so the table needs no relocation.
 */
        .macro  EX_TABLE at, fixup, kind
        .pushsection __ex_table, "a"
        .balign 4
        .word   \at - ., \fixup - ., \kind
        .popsection
        .endm
