/* SPDX-License-Identifier: MIT */
#include <generated/asm_offsets.h>

#include "arch/aarch64/asm.h"

        .text

/*
 * semihosting_call: x0 the operation, x1 its argument; x0 becomes its result. Whoever handles the
 * exception that the trap is without semihosting goes on after it, with x0 = ~0.
 */
FUNCTION semihosting_call
        .global semihosting_trap
        .hidden semihosting_trap
semihosting_trap:
        hlt     #0xf000
        ret
1:      mov     x0, #-1
        ret
        EX_TABLE semihosting_trap, 1b, EX_PLAIN
END semihosting_call
