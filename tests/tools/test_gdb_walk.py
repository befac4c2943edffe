# SPDX-License-Identifier: MIT
"""qemu/gdb/walk.py and dump.py, over tables that are built here word by word. Which bits of an address index which
table is worked out by hand from Arm ARM D8.2, "Translation process"."""

import struct

import pytest

import dump
from walk import Half, NoTables, Unreadable, half_name, walk, why_refused

MAIR = 0x0000_0000_0004_44ff
DATA = 0x0060_0000_0000_0703  # a page of kernel data at 0
BLOCK = 0x0060_0000_0000_0701
TCR = 0x0000_0015_b510_3510  # 48 bits, 4 KiB, both halves


class Memory:
    """RAM from 0 to `size`, with some words set."""

    def __init__(self, words, size=1 << 20):
        self.words, self.size, self.reads = words, size, 0

    def read(self, address, size):
        self.reads += 1
        if address + size > self.size:
            raise Unreadable(address)
        return b"".join(struct.pack("<Q", self.words.get(address + at, 0)) for at in range(0, size, 8))


def half(name="high", va_bits=48, page_shift=12, root=0x1000, **more):
    return Half(name, va_bits, page_shift, root, 0, **more)


# ffff000000201234: L0[0], L1[0], L2[1], L3[1]; the page beside it goes elsewhere; ffff000000400000 is a block.
TABLES = {
    0x1000: 0x2003, 0x2000: 0x3003, 0x3008: 0x4003, 0x4008: 0x4567_8000 | DATA, 0x4010: 0x4567_a000 | DATA,
    0x3010: 0x4040_0000 | BLOCK,
}


def test_a_walk_reads_one_entry_of_each_level():
    found = walk(half(), Memory(TABLES), 0xffff_0000_0020_1234)
    assert [(step.table, step.index, step.entry.raw) for step in found.steps] == [
        (0x1000, 0, 0x2003), (0x2000, 0, 0x3003), (0x3000, 1, 0x4003), (0x4000, 1, 0x0060_0000_4567_8703)]
    assert (found.end, found.physical) == ("leaf", 0x4567_8234)


def test_a_walk_ends_at_a_block():
    found = walk(half(), Memory(TABLES), 0xffff_0000_0051_2345)
    assert (len(found.steps), found.physical) == (3, 0x4051_2345)


def test_a_blocks_low_address_bits_count_for_nothing():
    misaligned = {**TABLES, 0x3010: 0x4040_1000 | BLOCK}
    assert walk(half(), Memory(misaligned), 0xffff_0000_0040_0010).physical == 0x4040_0010


@pytest.mark.parametrize("va_bits, name, va, indices", [
    (48, "high", 0xffff_8000_0800_0000, [256, 0, 64, 0]),
    (48, "low", 0x0000_ffff_ffff_f000, [511, 511, 511, 511]),
    (47, "high", 0xffff_8880_0000_0000, [17, 0, 0, 0]),  # bits 46 to 39
    (39, "high", 0xffff_ffc0_0800_0000, [256, 64, 0]),  # from L1
    (32, "low", 0x0000_0000_bfff_f000, [2, 511, 511]),  # from L1, of which 4 entries are used
    (30, "high", 0xffff_ffff_c020_1000, [1, 1]),  # from L2
])
def test_indices_follow_from_the_number_of_bits(va_bits, name, va, indices):
    which = half(name, va_bits)
    levels = range(which.first_level, 4)
    assert [which.index(level, va) for level in levels] == indices


@pytest.mark.parametrize("page_shift, va_bits, first_level, entries", [
    (12, 48, 0, 512), (12, 47, 0, 256), (12, 39, 1, 512), (12, 32, 1, 4), (12, 30, 2, 512),
    (14, 47, 1, 2048), (14, 48, 0, 2), (14, 36, 2, 2048), (16, 48, 1, 64), (16, 42, 2, 8192), (16, 52, 1, 1024),
])
def test_where_the_walk_starts(page_shift, va_bits, first_level, entries):
    which = half(va_bits=va_bits, page_shift=page_shift)
    assert (which.first_level, which.entries(which.first_level)) == (first_level, entries)


@pytest.mark.parametrize("va, name", [
    (0, "low"), (0x0000_ffff_ffff_ffff, "low"), (0xffff_0000_0000_0000, "high"), (0x5500_0000_4000_0000, "low"),
    (0x0080_0000_0000_0000, "high"), (0xff7f_ffff_ffff_ffff, "low"),
])
def test_bit_55_chooses_the_half(va, name):
    assert half_name(va) == name


@pytest.mark.parametrize("va", [0x0001_0000_0000_0000, 0x8000_0000_0000_0000, 0x5500_0000_4000_0000])
def test_no_table_is_read_for_the_hole(va):
    memory = Memory({})
    found = walk(half("low"), memory, va)
    assert (found.end, found.steps, memory.reads) == ("outside", [], 0)
    assert "top bits" in why_refused(found, "read", el0=False)


def test_a_tag_is_no_hole_where_the_top_byte_is_ignored():
    tables = {0x1000: 0x2003, 0x2000: 0x3003, 0x3000: 0x4003, 0x4008: 0x4567_8000 | DATA}
    assert walk(half("low", ignores_top_byte=True), Memory(tables), 0x5500_0000_0000_1008).physical == 0x4567_8008


def test_a_table_outside_ram_ends_the_walk():
    found = walk(half(), Memory({0x1000: 0x9000_0003}), 0xffff_0000_0000_0000)
    assert (found.end, len(found.steps)) == ("unreadable", 1)


def test_limits_add_up_on_the_way_unless_they_are_ignored():
    limited = {**TABLES, 0x1000: 0x0800_0000_0000_2003, 0x2000: 0x4000_0000_0000_3003}  # PXNTable; APTable[1]
    va = 0xffff_0000_0020_1000
    assert why_refused(walk(half(), Memory(limited), va), "write", el0=False) == (
        "EL1 has r-- there: permission fault, level 3")
    assert why_refused(walk(half(ignores_limits=True), Memory(limited), va), "write", el0=False) is None


def test_why_an_access_is_refused():
    found = walk(half(), Memory(TABLES), 0xffff_0000_0020_1000)
    assert why_refused(found, "read", el0=False) is None
    assert why_refused(found, "execute", el0=False) == "EL1 has rw- there: permission fault, level 3"
    assert why_refused(found, "read", el0=True) == "EL0 has --- there: permission fault, level 3"
    nothing = walk(half(), Memory(TABLES), 0xffff_0000_0060_0000)
    assert why_refused(nothing, "read", el0=False) == "nothing is mapped there: translation fault, level 2"
    untouched = {**TABLES, 0x4008: 0x0060_0000_4567_8303}  # AF clear
    assert why_refused(walk(half(), Memory(untouched), 0xffff_0000_0020_1000), "read", el0=False) == (
        "AF is clear: access flag fault, level 3")


def test_pan_keeps_the_kernel_out_of_a_programs_page():
    tables = {0x1000: 0x2003, 0x2000: 0x3003, 0x3000: 0x4003, 0x4008: 0x0060_0000_4567_8f43}
    found = walk(half("low"), Memory(tables), 0x1000)
    assert why_refused(found, "read", el0=False) is None and why_refused(found, "read", el0=True, pan=True) is None
    assert why_refused(found, "read", el0=False, pan=True) == (
        "PSTATE.PAN keeps EL1 out of a program's page: permission fault, level 3")


def test_halves_by_the_registers():
    high = Half.of("high", TCR, 0x0007_0000_4063_a001)
    assert (high.va_bits, high.page_shift, high.root, high.asid) == (48, 12, 0x4063_a000, 7)
    assert (high.first, high.last) == (0xffff_0000_0000_0000, 0xffff_ffff_ffff_ffff)
    assert Half.of("high", 0x0000_0000_8022_0000, 0).va_bits == 30  # T1SZ 34, TG1 4 KiB
    low = Half.of("low", 0x0000_0220_0000_8011, 0x4000_0000)  # T0SZ 17, TG0 16 KiB, TBI0, HPD0
    assert low == Half("low", 47, 14, 0x4000_0000, 0, ignores_top_byte=True, ignores_limits=True)


@pytest.mark.parametrize("name, tcr, words", [
    ("high", 0, "T1SZ and TG1"), ("low", 0, "T0SZ and TG0"), ("low", TCR | 1 << 7, "EPD0"),
    ("high", TCR | 1 << 23, "EPD1"), ("high", TCR | 1 << 59, "DS is set"), ("low", TCR | 0b11 << 14, "T0SZ and TG0"),
])
def test_registers_that_describe_no_tables_are_refused(name, tcr, words):
    with pytest.raises(NoTables, match=words):
        Half.of(name, tcr, 0x4000_0000)


def test_a_dump_joins_neighbours_that_lead_to_frames_in_a_row():
    tables = {0x1000: 0x2003, 0x2000: 0x3003, 0x3000: 0x4003, 0x3008: 0x4040_0000 | BLOCK, 0x3010: 0x4060_0000 | BLOCK,
              0x4000: 0x4100_0000 | DATA, 0x4008: 0x4100_1000 | DATA,  # in a row
              0x4010: 0x4100_3000 | DATA,  # another frame
              0x4018: 0x4100_4000 | DATA | 1 << 7,  # read-only
              0x4028: 0x4100_5000 | DATA | 1 << 7}  # a hole before it
    lines = [dump.raw_line(run) for run in dump.runs(half(), Memory(tables))]
    assert lines == [
        "ffff000000000000 ffff000000001fff 0000000041000000 L3 0060000000000703",
        "ffff000000002000 ffff000000002fff 0000000041003000 L3 0060000000000703",
        "ffff000000003000 ffff000000003fff 0000000041004000 L3 0060000000000783",
        "ffff000000005000 ffff000000005fff 0000000041005000 L3 0060000000000783",
        "ffff000000200000 ffff0000005fffff 0000000040400000 L2 0060000000000701",
    ]


def test_a_dump_is_cut_to_what_was_asked_for():
    run, = dump.runs(half(), Memory(TABLES), 0xffff_0000_0040_1000, 0xffff_0000_0040_2fff)
    assert dump.raw_line(run) == "ffff000000401000 ffff000000402fff 0000000040401000 L2 0060000000000701"


def test_a_dump_reads_each_table_once():
    memory = Memory(TABLES)
    assert len(list(dump.runs(half(), memory))) == 3
    assert memory.reads == 4


def test_a_dump_names_tables_that_cannot_be_read_and_goes_on():
    lost = []
    tables = {**TABLES, 0x3008: 0x9000_0003}
    runs = list(dump.runs(half(), Memory(tables), on_unreadable=lambda va, _: lost.append(va)))
    assert (lost, [run.start for run in runs]) == ([0xffff_0000_0020_0000], [0xffff_0000_0040_0000])


def test_a_line_has_the_columns_of_ptdump():
    block, = dump.runs(half(), Memory(TABLES), 0xffff_0000_0040_0000)
    assert dump.line(block, MAIR) == (
        "0xffff000000400000-0xffff000000600000 0x0000000040400000         2M PMD"
        "       RW NX SHD AF        BLK UXN    MEM/NORMAL AttrIndx 0 SH inner")
    user = {**TABLES, 0x4008: 0x0030_0000_4567_8fcb}  # contiguous, PXN, nG, EL0 read-only, AttrIndx 2
    page = next(dump.runs(half(), Memory(user)))
    assert dump.line(page, MAIR) == (
        "0xffff000000201000-0xffff000000202000 0x0000000045678000         4K PTE"
        "   USR ro NX SHD AF NG CON            DEVICE/nGnRE AttrIndx 2 SH inner")


def test_filters_ask_about_a_run():
    page, _, block = dump.runs(half(), Memory(TABLES))
    assert dump.FILTERS["block"](block, MAIR) and not dump.FILTERS["block"](page, MAIR)
    assert dump.FILTERS["write"](page, MAIR) and not dump.FILTERS["exec"](page, MAIR)
    assert not dump.FILTERS["device"](page, MAIR) and dump.FILTERS["device"](page, 0)
    assert not dump.FILTERS["user"](page, MAIR) and dump.FILTERS["global"](page, MAIR)
