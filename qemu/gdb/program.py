# SPDX-License-Identifier: MIT
"""The symbols of the program whose address space is active. Memory itself says which program that is, so this needs to
know nothing of how the kernel keeps its processes."""

import glob
import os

import gdb

import target
from elf import ET_EXEC, Elf
from walk import Unreadable


class Programs:
    """The programs that were built, by their ELF files in `folders`."""

    def __init__(self, folders):
        self._folders = folders
        self.current = None  # its Elf

    def _files(self):
        """Those linked at one address; looked up each time, because a build may add some."""
        for path in sorted(path for folder in self._folders for path in glob.glob(os.path.join(folder, "*"))):
            try:
                elf = Elf(path)
            except (OSError, ValueError):
                continue
            if elf.type == ET_EXEC and elf.segments:
                yield elf

    def _active(self):
        """The ELF file whose start is in the low half now, or None."""
        if not target.mmu_is_on():
            return None
        with target.PhysicalMemory() as physical:
            memory = target.VirtualMemory(physical)
            return next((elf for elf in self._files() if holds(memory, elf)), None)

    def follow(self):
        """Loads the symbols of the active program, and forgets those of another."""
        elf = self._active()
        path = elf and elf.path
        if path == (self.current and self.current.path):
            return
        if self.current:
            gdb.execute(f"remove-symbol-file -a {self.current.entry:#x}", to_string=True)
        if elf:
            gdb.execute(f"with confirm off -- add-symbol-file {elf.path} -o 0", to_string=True)
        self.current = elf


def holds(memory, elf):
    """Is what is mapped of the file's first segment (a page comes when it is touched) what the file has there?"""
    any_page = False
    for address, content in elf.pages():
        try:
            if memory.read(address, len(content)) != content:
                return False
            any_page = True
        except Unreadable:
            continue
    return any_page
