/* SPDX-License-Identifier: MIT */
/*
 * The kernel image: a static PIE, linked at the high address where the default layout puts it, loaded
 * anywhere. Run through the C preprocessor; the numbers come from arch/aarch64/asm_offsets.cc.
 */
#include <generated/asm_offsets.h>

OUTPUT_ARCH(aarch64)
ENTRY(_start_physical)

/*
 * One segment per permission. .data.rel.ro and its neighbours are written once, by relocate.cc before
 * the MMU is on, so they belong to rodata and its flags are R whatever the sections say.
 */
PHDRS {
    text   PT_LOAD FLAGS(5); /* R-X */
    rodata PT_LOAD FLAGS(4); /* R-- */
    data   PT_LOAD FLAGS(6); /* RW- */
    dynamic PT_DYNAMIC FLAGS(4);
}

SECTIONS {
    . = IMAGE_LINK_BASE;
    __image_start = .;

    /*
     * One output section per permission, each starting on its own page, so that the mapper gives
     * every page exactly one set of attributes. __x_start is the first byte of x, __x_end the first
     * byte after it; both are page aligned. AT() is where a loader of the ELF file puts the bytes
     * (a loader of the Image chooses for itself).
     */
    .text : AT(ADDR(.text) - IMAGE_LINK_BASE + ELF_LOAD_ADDRESS) {
        __text_start = .;
        KEEP(*(.text.header))           /* the Image header and _start: the image's first bytes */
        . = ALIGN(IDENTITY_CODE_MAX);   /* so that it crosses no page */
        __identity_start = .;           /* what runs while the MMU is switched on */
        KEEP(*(.text.identity))
        __identity_end = .;
        *(.text.vectors)
        *(.text .text.*)
        . = ALIGN(PAGE_SIZE);
        __text_end = .;
    } :text

    .rodata : AT(ADDR(.rodata) - IMAGE_LINK_BASE + ELF_LOAD_ADDRESS) {
        __rodata_start = .;
        *(.rodata .rodata.*)
    } :rodata

    /* Tables that are collected from all over the tree: between two symbols, sorted by name. */
    .tables : ALIGN(8) {
        __ex_table_start = .;           /* faults that have a way on; see arch/aarch64/trap */
        KEEP(*(__ex_table))
        __ex_table_end = .;
        . = ALIGN(8);
        __shell_commands_start = .;     /* array of Command, filled by SHELL_COMMAND() */
        KEEP(*(SORT_BY_NAME(.shell_commands.*)))
        KEEP(*(.shell_commands))
        __shell_commands_end = .;
        . = ALIGN(8);
        __ktests_start = .;             /* array of KTest, filled by KERNEL_TEST() */
        KEEP(*(SORT_BY_NAME(.ktests.*)))
        KEEP(*(.ktests))
        __ktests_end = .;
        . = ALIGN(8);
        __bench_rows_start = .;
        KEEP(*(SORT_BY_NAME(.bench_rows.*)))
        KEEP(*(.bench_rows))
        __bench_rows_end = .;
        . = ALIGN(8);
        __symbols_start = .;            /* names for backtraces: linker/symbols.py */
        KEEP(*(.symbols))
        __symbols_end = .;
    } :rodata

    .data.rel.ro : { *(.data.rel.ro .data.rel.ro.*) } :rodata
    .got : { *(.got .got.plt) } :rodata
    .dynamic : { *(.dynamic) } :rodata :dynamic
    .dynsym : { *(.dynsym) } :rodata
    .dynstr : { *(.dynstr) } :rodata
    .hash : { *(.hash) } :rodata
    .gnu.hash : { *(.gnu.hash) } :rodata
    .rela.dyn : ALIGN(8) {              /* what relocate.cc adds the load offset to */
        __rela_start = .;
        *(.rela .rela.*)
        __rela_end = .;
    } :rodata
    . = ALIGN(PAGE_SIZE);               /* outside: padding inside would read as relocations */
    __rodata_end = .;

    .data : AT(ADDR(.data) - IMAGE_LINK_BASE + ELF_LOAD_ADDRESS) {
        __data_start = .;
        *(.data .data.*)
        . = ALIGN(PAGE_SIZE);           /* the Image file ends here, on a page */
        __data_load_end = .;
    } :data

    .bss (NOLOAD) : {
        __bss_start = .;                /* zeroed by entry.S */
        *(.bss .bss.*)
        *(COMMON)
        . = ALIGN(PAGE_SIZE);
        __bss_end = .;
    } :data

    /* Memory that nobody may expect to be zero: it holds what was there before. */
    .noinit (NOLOAD) : {
        *(.noinit .noinit.*)
        . = ALIGN(PAGE_SIZE);
        __data_end = .;                 /* data, bss and noinit up to here are mapped as one */

        /* As every kernel stack, the upper half of a block of twice its size, and nothing is mapped in
         * the lower: one bit of SP tells that it ran off (see trap/vectors.S). */
        . = ALIGN(2 * STACK_SIZE);
        __boot_stack_guard = .;
        . = . + STACK_SIZE;
        __boot_stack_start = .;
        . = . + STACK_SIZE;
        __boot_stack_end = .;
        __image_end = .;
    } :data

    /DISCARD/ : { *(.comment) *(.note .note.*) *(.eh_frame .eh_frame_hdr) *(.interp) }

    /* What the Image header says. */
    __image_size = __image_end - __image_start;

    /* The ELF's entry point: the physical address, for loaders that do not translate it. */
    _start_physical = _start - IMAGE_LINK_BASE + ELF_LOAD_ADDRESS;

    /* What the code takes for granted, checked where it is decided. */
    ASSERT(_start == __image_start, "_start is not the first instruction")
    ASSERT(IMAGE_LINK_BASE % IMAGE_ALIGN == 0, "the image is not linked on a 2 MiB boundary")
    ASSERT(__identity_end - __identity_start <= IDENTITY_CODE_MAX, "the code that switches the MMU on outgrew its place")
    ASSERT(__rodata_start % PAGE_SIZE == 0, ".rodata shares a page with .text")
    ASSERT(__data_start % PAGE_SIZE == 0, ".data shares a page with .rodata")
    ASSERT(__data_start == __rodata_end, "something lies between .rodata and .data")
    ASSERT(__rodata_start == __text_end, "something lies between .text and .rodata")
    ASSERT(__bss_start % 64 == 0 && __bss_end % 64 == 0, "entry.S zeroes .bss 64 bytes at a time")
    ASSERT((__boot_stack_start & (2 * STACK_SIZE - 1)) == STACK_SIZE, "the boot stack is not an upper half")
    ASSERT((__rela_end - __rela_start) % 24 == 0, ".rela.dyn holds something but Elf64_Rela")
    ASSERT(__image_size <= 16M, "the image outgrew the tables that early_map.cc has for it")
}
