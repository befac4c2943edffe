# SPDX-License-Identifier: MIT
"""qemu/gdb/elf.py, on a file that is put together here by the ELF-64 format's own offsets."""

import struct

import pytest

from elf import ET_EXEC, Elf

ENTRY, TEXT, DATA = 0x40_1234, 0x40_0000, 0x41_f000


@pytest.fixture
def path(tmp_path):
    """5000 bytes of text at file offset 0, 100 of data behind, a note that is not loaded."""
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, ENTRY, 64, 0, 0, 64, 56, 3, 0, 0, 0)
    headers = b"".join(struct.pack("<IIQQQQQQ", *segment) for segment in (
        (1, 6, 5000, DATA, DATA, 100, 8000, 4096), (4, 4, 300, 0, 0, 36, 36, 4), (1, 5, 0, TEXT, TEXT, 5000, 5000, 4096)))
    content = (header + headers).ljust(5000, b"t") + b"d" * 100
    (tmp_path / "program").write_bytes(content)
    return tmp_path / "program"


def test_where_a_file_is_loaded(path):
    elf = Elf(path)
    assert (elf.type, elf.entry, elf.base) == (ET_EXEC, ENTRY, TEXT)
    assert [(part.address, part.offset, part.file_size, part.memory_size) for part in elf.segments] == [
        (DATA, 5000, 100, 8000), (TEXT, 0, 5000, 5000)]


def test_the_pages_of_the_lowest_segment(path):
    (first, whole), (second, rest) = Elf(path).pages()
    assert (first, second, len(whole), rest) == (TEXT, TEXT + 4096, 4096, b"t" * 904)
    assert Elf(path).start(8) == b"\x7fELF\x02\x01\x01\0"


def test_what_is_no_elf_file_is_refused(tmp_path):
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="no 64-bit"):
        Elf(tmp_path / "text")
