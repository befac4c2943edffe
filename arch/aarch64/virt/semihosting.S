/* SPDX-License-Identifier: MIT */
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
END semihosting_call
