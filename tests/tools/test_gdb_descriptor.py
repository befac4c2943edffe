# SPDX-License-Identifier: MIT
"""qemu/gdb/descriptor.py: what a descriptor means. Every word is put together by hand from the bit numbers of Arm ARM
D8.3, "Translation table descriptor formats"."""

import pytest

from descriptor import INVALID, LEAF, TABLE, Descriptor, Limits, can_be_leaf, entry_span, problems, size_text
from sysregs import memory_types

MAIR = 0x0000_0000_0004_44ff  # 0 normal, 1 uncached, 2 device nGnRE, 3 device nGnRnE

KERNEL_TEXT = 0x0040_0000_4008_0783  # UXN | AF | SH inner | AP read-only | page
KERNEL_DATA = 0x0060_0000_4020_0703  # UXN | PXN | AF | SH inner | AP read-write | page
USER_TEXT = 0x0020_0000_4123_4fc3  # PXN | nG | AF | SH inner | AP EL0 read-only | page
USER_DATA = 0x0060_0000_4123_5f43  # UXN | PXN | nG | AF | SH inner | AP EL0 read-write | page
DEVICE = 0x0060_0000_0900_060b  # UXN | PXN | AF | SH outer | AttrIndx 2 | page
BLOCK = 0x0060_0000_4020_0701  # as KERNEL_DATA, but a block
TABLE_WORD = 0x0000_0000_4321_0003


@pytest.mark.parametrize("raw, level, kind", [
    (0, 0, INVALID), (0, 3, INVALID), (TABLE_WORD, 0, TABLE), (TABLE_WORD, 1, TABLE), (TABLE_WORD, 2, TABLE),
    (TABLE_WORD, 3, LEAF),  # the same bits are a page here
    (BLOCK, 0, INVALID), (BLOCK, 1, LEAF), (BLOCK, 2, LEAF), (BLOCK, 3, INVALID),
    (0x0060_0000_4020_0702, 3, INVALID),
])
def test_the_kind_depends_on_the_level(raw, level, kind):
    assert Descriptor(raw, level).kind == kind


@pytest.mark.parametrize("page_shift, level, span", [
    (12, 3, 4 << 10), (12, 2, 2 << 20), (12, 1, 1 << 30), (12, 0, 512 << 30),
    (14, 3, 16 << 10), (14, 2, 32 << 20), (14, 1, 64 << 30), (16, 3, 64 << 10), (16, 2, 512 << 20), (16, 1, 4 << 40),
])
def test_an_entry_covers_what_its_level_says(page_shift, level, span):
    assert entry_span(level, page_shift) == span


@pytest.mark.parametrize("page_shift, levels", [(12, {1, 2, 3}), (14, {2, 3}), (16, {2, 3})])
def test_blocks_are_where_the_granule_allows_them(page_shift, levels):
    assert {level for level in range(4) if can_be_leaf(level, page_shift)} == levels


@pytest.mark.parametrize("raw, el1, el0", [
    (KERNEL_TEXT, "r-x", "---"), (KERNEL_DATA, "rw-", "---"), (USER_TEXT, "r--", "r-x"), (USER_DATA, "rw-", "rw-"),
    (0x0000_0000_4123_5f43, "rw-", "rwx"),  # PXN is clear, but what EL0 may write, EL1 never executes
    (0x0000_0000_4008_0783, "r-x", "--x"),  # EL0 may execute what it cannot read
])
def test_rights_of_both_exception_levels(raw, el1, el0):
    entry = Descriptor(raw, 3)
    assert (str(entry.el1_rights()), str(entry.el0_rights())) == (el1, el0)


@pytest.mark.parametrize("table, raw, el1, el0", [
    (0x2000_0000_0000_0003, USER_DATA, "rw-", "---"),  # APTable[0]: nothing for EL0
    (0x4000_0000_0000_0003, USER_DATA, "r--", "r--"),  # APTable[1]: nothing writable
    (0x0800_0000_0000_0003, KERNEL_TEXT, "r--", "---"),  # PXNTable
    (0x1000_0000_0000_0003, USER_TEXT, "r--", "r--"),  # UXNTable
])
def test_tables_above_take_rights_away(table, raw, el1, el0):
    limits = Descriptor(table, 2).limits
    entry = Descriptor(raw, 3)
    assert (str(entry.el1_rights(limits)), str(entry.el0_rights(limits))) == (el1, el0)


def test_limits_add_up():
    assert Limits(no_el0=True) | Limits(no_write=True) == Limits(no_el0=True, no_write=True)


def test_wxn_takes_execution_from_what_can_be_written():
    writable_code = Descriptor(0x0040_0000_4008_0703, 3)  # KERNEL_TEXT with AP read-write
    assert str(writable_code.el1_rights()) == "rwx"
    assert str(writable_code.el1_rights(wxn=True)) == "rw-"


def test_words_of_a_page_a_block_and_a_table():
    types = memory_types(MAIR)
    assert Descriptor(DEVICE, 3).words(types) == (
        "page 0x0000000009000000, EL1 rw-, EL0 ---, AttrIndx 2 = device nGnRE, outer shareable, global, AF")
    assert Descriptor(0x0070_0000_4020_0b01, 2).words(types) == (  # contiguous, nG, AF clear
        "2M block 0x0000000040200000, EL1 rw-, EL0 ---, AttrIndx 0 = normal write-back, read and write allocate, "
        "inner shareable, nG: tagged with the ASID, AF clear: not accessed yet, contiguous")
    assert Descriptor(0x6000_0000_4321_0003, 1).words(types) == (
        "table 0x0000000043210000, nothing for EL0 below, nothing writable below")


@pytest.mark.parametrize("raw, level, half, expected", [
    (KERNEL_TEXT, 3, "high", []), (KERNEL_DATA, 3, "high", []), (DEVICE, 3, "high", []), (BLOCK, 2, "high", []),
    (USER_TEXT, 3, "low", []), (USER_DATA, 3, "low", []), (TABLE_WORD, 1, "high", []),
    (0x0007_0000_0000_0000, 3, "high", []),  # invalid: software's
    (BLOCK, 3, "high", ["a block where none may be"]),
    (0x0001_0000_4321_0003, 1, "high", ["reserved bits set"]),  # bit 48 of a table
    (KERNEL_DATA | 1 << 48, 3, "high", ["reserved bits set"]),
    (KERNEL_DATA | 1 << 5, 3, "high", ["reserved bits set"]),  # NS
    (0x0060_0000_4020_1701, 2, "high", ["output address not aligned to the block"]),
    (0x0060_0000_4020_0503, 3, "high", ["reserved shareability"]),
    (0x0040_0000_4008_0703, 3, "high", ["writable and executable"]),
    (0x0040_0000_0900_068b, 3, "high", ["executable device"]),  # DEVICE, read-only, PXN clear
    (0x0000_0000_4123_4fc3, 3, "low", ["the kernel may execute a user page"]),
    (0x0000_0000_4008_0783, 3, "high", ["EL0 may execute a page that it cannot read"]),
    (USER_TEXT, 3, "high", ["a user page in the high half"]),
    (0x0020_0000_4123_47c3, 3, "low", ["a global page in the low half"]),
])
def test_what_is_wrong_with_a_descriptor(raw, level, half, expected):
    assert problems(Descriptor(raw, level), half, memory_types=memory_types(MAIR)) == expected


def test_a_table_above_can_put_a_leaf_right():
    writable_code = Descriptor(0x0040_0000_4008_0703, 3)
    assert problems(writable_code, "high", Limits(no_el1_execute=True)) == []


@pytest.mark.parametrize("size, text", [
    (1, "1B"), (4096, "4K"), (0x18_0000, "1536K"), (2 << 20, "2M"), (1 << 60, "1E"),
])
def test_sizes_as_the_shell_prints_them(size, text):
    assert size_text(size) == text
