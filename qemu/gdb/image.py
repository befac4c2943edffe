# SPDX-License-Identifier: MIT
"""Where the kernel image runs, and its symbols there.

The image relocates itself: it runs at its physical address until the MMU is on, then high, at an address that
the layout decides. While a CPU may be in either place GDB's symbols are there for both, so that a breakpoint set at reset is
hit on either side; at each stop the place where the selected CPU runs is the one whose variables GDB prints.
"""

import gdb

import kernel
import target
from elf import Elf

MAGIC_OFFSET, MAGIC = 56, b"ARM\x64"  # of the arm64 Image header, the image's first 64 bytes
HEADER_SIZE = 64
LOAD_ALIGNMENT = 2 << 20
SEARCHED = 1 << 30  # of each range of RAM
LOW_CODE = 64 << 20  # more than any image


class Image:
    """The kernel's ELF file, and where it is in the machine."""

    def __init__(self, path):
        self.elf = Elf(path)
        if self.elf.start(HEADER_SIZE)[MAGIC_OFFSET:] != MAGIC + bytes(4):
            raise ValueError(f"{path} is no kernel image")
        self.load = None  # its physical address
        self.main = self.elf.base  # where GDB's symbols are now
        self.second = None  # ... and a second time
        self._hook = None

    def address_of(self, name, base):
        """The symbol's address if the image runs at `base`."""
        return kernel.address_of(name) - self.main + base

    def _is_at(self, memory, address):
        """Does its header stand there?"""
        return memory.read(address, HEADER_SIZE) == self.elf.start(HEADER_SIZE)

    def _find_load(self, memory):
        """Where it stands in RAM, on a boundary where loaders put it; None if it is not there yet."""
        for first, last in memory.ram_ranges():
            start = first + -first % LOAD_ALIGNMENT
            for address in range(start, min(last, first + SEARCHED) - HEADER_SIZE, LOAD_ALIGNMENT):
                if self._is_at(memory, address):
                    return address
        return None

    def high(self, memory):
        """Where it runs, or will, with the MMU on: boot_info says so once the kernel has decided."""
        info = kernel.type_of("meridian::BootInfo")
        at = self.address_of("meridian::arch::boot_info", self.load)

        def word(*path):
            return int.from_bytes(memory.read(at + kernel.offset_of(info, *path), 8), "little")

        if word("image_phys", "start_", "value_") != self.load:
            return None  # before the kernel has cleared and filled it, it is whatever RAM held
        return word("image", "value_") or None

    def places(self):
        """(where it runs low, where it runs high); None for what is not known yet."""
        with target.PhysicalMemory() as memory:
            if self.load is None or not self._is_at(memory, self.load):
                self.load = self._find_load(memory)
            return self.load, None if self.load is None else self.high(memory)

    def follow(self):
        """Puts the symbols where the selected CPU runs the image now, and to the other place."""
        low, high = self.places()
        if low is None:
            return
        if high is None:
            self._load_symbols(low, None)
            self._hook = self._hook or PlaceDecided(self)
        elif is_low(low, high):
            self._load_symbols(low, high)
        else:
            self._load_symbols(high, low if any_cpu_without_mmu() else None)

    def place_is_decided(self):
        """The CPU is about to go high, and stops there next."""
        low, high = self.places()
        if high is not None:
            self._load_symbols(high, low)

    def _load_symbols(self, main, second):
        """GDB finds a name in the main symbol file first."""
        if (main, second) == (self.main, self.second):
            return
        if self.second is not None:
            gdb.execute(f"remove-symbol-file -a {self.second:#x}", to_string=True)
        if main != self.main:
            self._execute("symbol-file", main)
        if second is not None:
            self._execute("add-symbol-file", second)
        self.main, self.second = main, second

    def _execute(self, command, base):
        gdb.execute(f"with confirm off -- {command} -o {base - self.elf.base:#x} {self.elf.path}", to_string=True)


class PlaceDecided(gdb.Breakpoint):
    """Never stops the machine: right before the MMU goes on, the kernel knows where it will run, and breakpoints must
    be set there. (One instruction on, because a person's own breakpoint is likely where the function starts.)"""

    def __init__(self, image):
        super().__init__(f"*{image.address_of('enable_mmu', image.load) + 4:#x}", internal=True)
        self._image = image

    def stop(self):
        self._image.place_is_decided()
        return False


def is_low(load, high):
    """Is the selected CPU before its jump to the high address?"""
    if not target.mmu_is_on():
        return True
    pc = target.register("pc")
    return target.exception_level() != 0 and load <= pc < min(high, load + LOW_CODE)


def any_cpu_without_mmu():
    """A CPU that is off has its MMU off, too, and may still come through the code that runs low."""
    selected = gdb.selected_thread()
    try:
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            if not target.mmu_is_on():
                return True
        return False
    finally:
        selected.switch()
