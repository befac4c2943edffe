/* SPDX-License-Identifier: MIT */
/*
 * The first instructions. From wherever the loader put the image, at EL1 or EL2, with the MMU off, to
 * kernel code running at its high address. Everything before enable_mmu uses addresses relative to PC
 * only: the image is not where it was linked.
 *
 * Registers kept through this file: x19 the exception level we were entered at, x20 the physical
 * address of the device tree, x21 what must be added to a physical address in the image.
 */
#include <generated/asm_offsets.h>

#include "arch/aarch64/asm.h"

        .section .text.header, "ax"

/*
 * The Image header of the Linux arm64 boot protocol (Linux, Documentation/arm64/booting.rst). A loader
 * that knows it puts the device tree's address in x0.
 */
FUNCTION _start
        b       entry
        .long   0
        .quad   0                               // text_offset: right on the 2 MiB boundary
        .quad   __image_end - _start            // bytes of RAM we need from there, with bss and stack
        .quad   IMAGE_FLAGS                     // little-endian, page size, anywhere in RAM
        .quad   0, 0, 0
        .ascii  "ARM\x64"
        .long   0
END _start

        .section .text.boot, "ax"

/*
 * entry: what the header branches to.
 *
 * In        x0   the device tree's physical address, or 0
 *           EL1 or EL2, MMU off; everything else is unknown.
 */
FUNCTION entry
        msr     daifset, #0xf                   // no interrupt has a handler yet
        msr     spsel, #1
        adr_far x9, __boot_stack_end
        mov     sp, x9
        mov     x29, #0                         // no frame is above this one
        mov     x30, #0
        mov     x20, x0
        mrs     x19, currentel
        lsr     x19, x19, #2
        cmp     x19, #1
        b.eq    1f
        cmp     x19, #2
        b.ne    entered_at_wrong_level
        bl      el2_to_el1
1:
        ldr     x9, =SCTLR_EL1_MMU_OFF          // the reset value is for the firmware to know
        msr     sctlr_el1, x9
        adr_far x9, early_vectors
        msr     vbar_el1, x9
        isb                                     // no access below happens under the old ones

        adr_far x9, __bss_start                 // loaders fill only what is in the file
        adr_far x10, __bss_end
2:      stp     xzr, xzr, [x9]
        stp     xzr, xzr, [x9, #16]
        stp     xzr, xzr, [x9, #32]
        stp     xzr, xzr, [x9, #48]
        add     x9, x9, #64
        cmp     x9, x10
        b.lo    2b

        mov     x0, x20
        mov     x1, x19
        bl      early_start                     // x0 = its MmuSetup
        ldr     x21, [x0, #MMU_SETUP_OFFSET]
        ldr     x22, [x0, #MMU_SETUP_EMPTY_ROOT]
        bl      enable_mmu

        // High. The identity map goes before anything else runs.
        add     sp, sp, x21
        adr_far x9, early_vectors
        msr     vbar_el1, x9
        msr     ttbr0_el1, x22
        isb                                     // no walk starts at the old root from here on
        tlbi    vmalle1                         // what it left behind
        dsb     nsh                             // ... is gone
        isb                                     // before the next fetch or access
        adr_far x9, boot_context                // on CPU 0
        msr     tpidr_el1, x9
        mov     x29, #0
        bl      start_high                      // does not return
        brk     #0
END entry

/* Entered at EL3 or EL0: nothing here is made for that. In: x20. */
FUNCTION entered_at_wrong_level
        mov     x0, x19
        mov     x1, x20
        bl      early_stop_wrong_level
        b       park
END entered_at_wrong_level

/* The last label: a debugger that finds a CPU here knows that it was put here. */
FUNCTION park
        wfe
        b       park
END park
