/* SPDX-License-Identifier: MIT */
/* The only code of the kernel that touches FP and SIMD registers, which are the programs'. */
#include "arch/aarch64/asm.h"

        .text
        .arch_extension fp
        .arch_extension simd

/* clear_fpsimd: every FP and SIMD register 0, FPCR and FPSR as at reset of a program. */
FUNCTION clear_fpsimd
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movi    v\n\().2d, #0
        .endr
        .irp    n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        movi    v\n\().2d, #0
        .endr
        msr     fpcr, xzr
        msr     fpsr, xzr
        ret
END clear_fpsimd
