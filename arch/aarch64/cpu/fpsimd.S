/* SPDX-License-Identifier: MIT */
/* The only code of the kernel that touches FP and SIMD registers, which are the programs'. */
#include <generated/asm_offsets.h>

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

/* Every pair of them from or to FpRegisters at x0. */
        .macro  each_pair instruction
        \instruction q0, q1, [x0, #32 * 0]
        \instruction q2, q3, [x0, #32 * 1]
        \instruction q4, q5, [x0, #32 * 2]
        \instruction q6, q7, [x0, #32 * 3]
        \instruction q8, q9, [x0, #32 * 4]
        \instruction q10, q11, [x0, #32 * 5]
        \instruction q12, q13, [x0, #32 * 6]
        \instruction q14, q15, [x0, #32 * 7]
        \instruction q16, q17, [x0, #32 * 8]
        \instruction q18, q19, [x0, #32 * 9]
        \instruction q20, q21, [x0, #32 * 10]
        \instruction q22, q23, [x0, #32 * 11]
        \instruction q24, q25, [x0, #32 * 12]
        \instruction q26, q27, [x0, #32 * 13]
        \instruction q28, q29, [x0, #32 * 14]
        \instruction q30, q31, [x0, #32 * 15]
        .endm

/* save_fpsimd: all of them into the FpRegisters at x0. */
FUNCTION save_fpsimd
        each_pair stp
        mrs     x9, fpcr
        mrs     x10, fpsr
        str     x9, [x0, #FP_REGISTERS_CONTROL]
        str     x10, [x0, #FP_REGISTERS_CONTROL + 8]
        ret
END save_fpsimd

/* load_fpsimd: and out of there. */
FUNCTION load_fpsimd
        each_pair ldp
        ldr     x9, [x0, #FP_REGISTERS_CONTROL]
        ldr     x10, [x0, #FP_REGISTERS_CONTROL + 8]
        msr     fpcr, x9
        msr     fpsr, x10
        ret
END load_fpsimd
