/* SPDX-License-Identifier: MIT */
#include "arch/aarch64/asm.h"

        .text

/* execute_undefined_instruction: what no CPU will ever execute. */
FUNCTION execute_undefined_instruction
        stp     x29, x30, [sp, #-16]!           // so that a backtrace shows the caller
        mov     x29, sp
        udf     #0
        ldp     x29, x30, [sp], #16
        ret
END execute_undefined_instruction
