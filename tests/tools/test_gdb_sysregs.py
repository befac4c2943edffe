# SPDX-License-Identifier: MIT
"""qemu/gdb/sysregs.py: registers and syndromes in words. The values are put together by hand from Arm ARM D19.2, or are
what QEMU gave with Linux 6.1 in it."""

import pytest

import sysregs
from sysregs import Syndrome, fault_status, memory_type, par_words

LINUX_TCR = 0x0000_0035_b550_3510  # Linux 6.1, 48-bit addresses, 4 KiB pages


def words_of(fields, value, name):
    return next(line.split(None, 2) for line in sysregs.field_lines(fields, value) if line.split()[0] == name)[1:]


@pytest.mark.parametrize("name, number, words", [
    ("T0SZ", "0x10", "48 address bits"), ("T1SZ", "0x10", "48 address bits"), ("TG0", "0x0", "4 KiB granule"),
    ("TG1", "0x2", "4 KiB granule"), ("IPS", "0x5", "48-bit physical addresses"), ("AS", "0x1", "16-bit ASIDs"),
    ("TBI0", "0x1", "low half: the top byte is a tag"), ("TBI1", "0x0", "high half: the top byte is address"),
    ("A1", "0x1", "the ASID is TTBR1's"), ("SH1", "0x3", "inner shareable"), ("EPD1", "0x0", "TTBR1 is walked"),
])
def test_fields_of_tcr(name, number, words):
    assert words_of(sysregs.TCR_EL1, LINUX_TCR, name) == [number, words]


def test_tcr_out_of_reset_is_no_size():
    assert words_of(sysregs.TCR_EL1, 0, "T1SZ")[1] == "64 address bits: not a size that an MMU has"
    assert words_of(sysregs.TCR_EL1, 0, "TG1")[1] == "reserved"


def test_fields_of_a_ttbr():
    assert words_of(sysregs.TTBR, 0x0012_0000_4063_a001, "BADDR")[1] == "the first table is at 0x4063a000"
    assert words_of(sysregs.TTBR, 0x0012_0000_4063_a001, "ASID") == ["0x12", "ASID 18"]
    assert words_of(sysregs.TTBR, 0x0012_0000_4063_a001, "CnP")[1] == "common to the CPUs"


@pytest.mark.parametrize("attr, words", [
    (0x00, "device nGnRnE"), (0x04, "device nGnRE"), (0x08, "device nGRE"), (0x0c, "device GRE"),
    (0xff, "normal write-back, read and write allocate"), (0x44, "normal non-cacheable"),
    (0xbb, "normal write-through, read and write allocate"), (0xf0, "normal, tagged"),
    (0x4f, "normal write-back, read and write allocate (inner), non-cacheable (outer)"),
])
def test_memory_types(attr, words):
    assert memory_type(attr) == words


@pytest.mark.parametrize("code, words", [
    (0x04, "translation fault, level 0"), (0x07, "translation fault, level 3"), (0x0b, "access flag fault, level 3"),
    (0x0d, "permission fault, level 1"), (0x00, "address size fault, level 0"),
    (0x15, "external abort on a walk, level 1"),
    (0x10, "external abort"), (0x21, "alignment fault"), (0x30, "TLB conflict"), (0x3f, "reserved fault status 0x3f"),
])
def test_fault_status_codes(code, words):
    assert fault_status(code) == words


@pytest.mark.parametrize("esr, words", [
    (0x9600_0004, "data abort from EL1: read: translation fault, level 0"),  # EC 0x25
    (0x9600_004f, "data abort from EL1: write: permission fault, level 3"),  # WnR
    (0x8200_0006, "instruction abort from EL0: execute: translation fault, level 2"),  # EC 0x20
    (0x8600_000f, "instruction abort from EL1: execute: permission fault, level 3"),  # EC 0x21
    (0x5600_0000, "SVC #0x0"), (0xf200_0800, "BRK instruction #0x800"),
    (0x1fe0_0000, "trapped FP or SIMD (CPACR_EL1.FPEN)"),
])
def test_syndromes(esr, words):
    assert Syndrome(esr).words() == words


def test_who_did_what():
    assert Syndrome(0x9200_0046).from_el0 and Syndrome(0x9200_0046).access == "write"
    assert not Syndrome(0x9600_0006).from_el0 and Syndrome(0x9600_0006).access == "read"
    assert Syndrome(0x8600_0046).access == "execute", "bit 6 is WnR only in data aborts"


@pytest.mark.parametrize("esr, has", [
    (0x9600_0004, True), (0x9600_0010, True), (0x9600_0410, False), (0x5600_0000, False),
])
def test_far_is_valid_for_aborts_unless_fnv_says_otherwise(esr, has):
    assert Syndrome(esr).has_address == has


def test_what_an_at_instruction_left():
    assert par_words(0xff00_0000_4020_0b80) == (
        "the last AT gave 0x40200000, normal write-back, read and write allocate, inner shareable")
    assert par_words(0x0000_0000_0000_0809) == "the last AT failed: translation fault, level 0"
    assert par_words(0x0000_0000_0000_081f) == "the last AT failed: permission fault, level 3"
