# SPDX-License-Identifier: MIT
"""qemu/gdb/cfi.py on a program of the initramfs, C library and all. The judge is readelf, row by row."""

import os
import re
import subprocess

import pytest

from cfi import SP, X30, CallFrames, row_at, rows_of
from elf import Elf
from make import BUILD, make

PROGRAM = os.path.join(BUILD, "rootfs/bin/hello")
READELF = os.environ.get("CROSS", "aarch64-linux-gnu-") + "readelf"


@pytest.fixture(name="elf", scope="module")
def fixture_elf():
    make("initramfs")
    return Elf(PROGRAM)


@pytest.fixture(name="frames", scope="module")
def fixture_frames(elf):
    address, content = elf.section(".eh_frame")
    return CallFrames(content, address)


def number_of(name):
    """A register's DWARF number, by readelf's name for it."""
    return {"ra": X30, "sp": SP}.get(name) or {"x": 0, "v": 64}[name[0]] + int(name[1:])


def readelf_rows():
    """{(start, end): [(address, CFA register, CFA offset, {register: offset})]} of every function."""
    text = subprocess.run([READELF, "--debug-dump=frames-interp", PROGRAM], check=True, capture_output=True,
                          text=True).stdout
    functions = {}
    for block in re.split(r"\n\n(?=[0-9a-f]{8} )", text):
        head = re.search(r" FDE .*pc=([0-9a-f]+)\.\.([0-9a-f]+)", block)
        if not head:
            continue
        rows = functions[int(head[1], 16), int(head[2], 16)] = []
        names = (re.search(r"LOC +CFA +(.*)", block) or ["", ""])[1].split()
        for address, cfa, rules in re.findall(r"^([0-9a-f]{16}) (\S+) +(.*)$", block, re.MULTILINE):
            register, offset = re.fullmatch(r"([a-z]+\d*)([+-]\d+)", cfa).groups()
            saved = {number_of(name): int(rule[1:]) for name, rule in zip(names, rules.split()) if rule[0] == "c"}
            rows.append((int(address, 16), number_of(register), int(offset), saved))
    return functions


def test_every_row_is_what_readelf_reads(frames):
    expected = readelf_rows()
    assert len(expected) > 500 and sum(len(rows) for rows in expected.values()) > 3000
    assert {(function.start, function.end) for function in frames.functions} == set(expected)
    for function in frames.functions:
        for address, register, offset, saved in expected[function.start, function.end]:
            row = row_at(function, address)
            assert (row.cfa_register, row.cfa_offset, row.saved) == (register, offset, saved), hex(address)


def test_nobody_calls_the_first_function(elf, frames):
    start = frames.function(elf.entry)
    assert [X30 in row.lost for _, row in rows_of(start)][-1]
    assert not any(X30 in row.lost for function in frames.functions if function != start for _, row in rows_of(function))


def test_no_function_is_where_none_is(elf, frames):
    assert frames.function(elf.base) is None


def test_sections_by_name(elf):
    assert elf.section(".text")[1] and elf.section(".tex") == (0, b"")
    address, content = elf.section(".rodata")
    assert elf.read(address + 8, 16) == content[8:24] and elf.read(0x10, 4) == b""
