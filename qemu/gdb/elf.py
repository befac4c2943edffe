# SPDX-License-Identifier: MIT
"""As much of an ELF file as tells where it is loaded, whether some memory holds it, and where a section is. Plain
Python."""

import struct
from typing import NamedTuple

PT_LOAD, PF_W, ET_EXEC = 1, 2, 2


class Segment(NamedTuple):
    address: int
    offset: int
    file_size: int
    memory_size: int
    writable: bool


class Elf:
    """A 64-bit little-endian ELF file; ValueError if it is none."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self._bytes = file.read()
        if self._bytes[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is no 64-bit little-endian ELF file")
        self.type, = struct.unpack_from("<H", self._bytes, 16)
        self.entry, headers = struct.unpack_from("<QQ", self._bytes, 24)
        size, count = struct.unpack_from("<HH", self._bytes, 54)
        self.segments = []
        for at in range(headers, headers + size * count, size):
            kind, flags, offset, address, _, in_file, in_memory, _ = struct.unpack_from("<IIQQQQQQ", self._bytes, at)
            if kind == PT_LOAD:
                self.segments.append(Segment(address, offset, in_file, in_memory, bool(flags & PF_W)))

    def section(self, name):
        """(address, content) of a section; (0, nothing) if there is none of the name."""
        at, = struct.unpack_from("<Q", self._bytes, 40)
        size, count, names = struct.unpack_from("<HHH", self._bytes, 58)
        sections = [struct.unpack_from("<IIQQQQ", self._bytes, at + size * index) for index in range(count)]
        for text, _, _, address, offset, length in sections:
            if self._bytes[sections[names][4] + text:].startswith(name.encode() + b"\0"):
                return address, self._bytes[offset:offset + length]
        return 0, b""

    def read(self, address, size):
        """What is at an address after loading, before anything runs; nothing if it is not in the file."""
        for part in self.segments:
            if part.address <= address and address + size <= part.address + part.file_size:
                return self._bytes[part.offset + address - part.address:][:size]
        return b""

    @property
    def base(self):
        """The lowest address it was linked at."""
        return min(segment.address for segment in self.segments)

    def pages(self, page_size=4096):
        """(address, content) of each page of the first segment, as far as the file goes."""
        first = min(self.segments)
        for offset in range(0, first.file_size, page_size):
            size = min(page_size, first.file_size - offset)
            yield first.address + offset, self._bytes[first.offset + offset:first.offset + offset + size]

    def start(self, size):
        """The first bytes at `base`."""
        first = min(self.segments)
        return self._bytes[first.offset:first.offset + min(size, first.file_size)]
