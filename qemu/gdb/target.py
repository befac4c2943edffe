# SPDX-License-Identifier: MIT
"""The machine behind GDB's remote target, which is QEMU: registers by whatever name this QEMU gives them, and physical
memory. Nothing here changes the machine: only RAM is read, because reading a device may do something."""

import re

import gdb

from descriptor import bits
from walk import Half, NoTables, Unreadable, half_name, walk

# The names of one register, the architecture's first: versions of QEMU differ in where they leave the suffix out.
REGISTER_NAMES = {
    "SCTLR_EL1": ("SCTLR_EL1", "SCTLR"),
    "VBAR_EL1": ("VBAR_EL1", "VBAR"),
    "PAR_EL1": ("PAR_EL1", "PAR"),
}
PAGE = 4096


def connected():
    """True if a machine is there and stopped."""
    thread = gdb.selected_thread()
    return thread is not None and thread.is_valid() and not thread.is_running()


def register(name):
    """The register of the selected CPU, or None if QEMU does not show it."""
    frame = gdb.newest_frame()
    for spelling in REGISTER_NAMES.get(name, (name,)):
        try:
            value = frame.read_register(spelling)
            return int(value.cast(gdb.lookup_type("unsigned long"))) & (1 << 64) - 1
        except (ValueError, gdb.error):
            continue
    return None


def exception_level():
    return bits(register("cpsr"), 3, 2)


def pan(state="cpsr"):
    """PSTATE.PAN, now or in a saved program status."""
    return bool(bits(register(state) or 0, 22))


def mmu_is_on():
    """Does the selected CPU translate, at its present exception level?"""
    name = f"SCTLR_EL{max(1, exception_level())}"
    value = register(name)
    return bool(value and value & 1)


def half(name):
    """The half `name` as the selected CPU's registers describe it; NoTables if they do not."""
    tcr, ttbr = register("TCR_EL1"), register("TTBR1_EL1" if name == "high" else "TTBR0_EL1")
    if tcr is None or ttbr is None:
        raise NoTables("QEMU does not show TCR_EL1 and the TTBRs: is this an arm64 machine?")
    return Half.of(name, tcr, ttbr)


def ram():
    """The ranges of physical memory that are RAM or ROM, as (first, last)."""
    answer = gdb.execute("monitor info mtree -f", to_string=True)
    found = re.findall(r"([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (?:ram|rom)\)", answer)
    return sorted({(int(first, 16), int(last, 16)) for first, last in found})


class PhysicalMemory:
    """Physical memory, while it is open:  with PhysicalMemory() as memory: memory.read(address, size)"""

    def __init__(self):
        self._inferior = gdb.selected_inferior()
        self._connection = self._inferior.connection
        self._ram = ram()
        self._before = None

    def __enter__(self):
        self._before = self._packet("qqemu.PhyMemMode")
        if self._before not in ("0", "1") or self._packet("Qqemu.PhyMemMode:1") != "OK":
            raise gdb.GdbError("the target gives no physical memory: this needs QEMU's gdbserver (4.1 or later)")
        return self

    def __exit__(self, *_):
        self._packet(f"Qqemu.PhyMemMode:{self._before}")

    def _packet(self, text):
        return self._connection.send_packet(text).decode("ascii", "replace")

    def read(self, address, size):
        if not any(first <= address and address + size - 1 <= last for first, last in self._ram):
            raise Unreadable(address)
        return bytes(self._inferior.read_memory(address, size))

    def ram_ranges(self):
        return self._ram



class Unmapped(Unreadable):
    """A virtual address that leads nowhere."""

    def __init__(self, address):
        Exception.__init__(self, f"nothing is mapped at {address:#x}")


def by_pages(address, size):
    """(address, size) of the parts of a range that lie in one page each."""
    end = address + size
    while address < end:
        part = min(end, (address & -PAGE) + PAGE) - address
        yield address, part
        address += part


class PageCache:
    """Physical memory of a machine that stands still: each page is read once."""

    def __init__(self, physical):
        self._physical, self._pages = physical, {}

    def read(self, address, size):
        data = b""
        for at, part in by_pages(address, size):
            page = at & -PAGE
            if page not in self._pages:
                self._pages[page] = self._physical.read(page, PAGE)
            data += self._pages[page][at - page:at - page + part]
        return data


class VirtualMemory:
    """Memory at virtual addresses, whoever may read it: through the tables of both halves while the MMU is on, else
    physical. (GDB's own reads are QEMU's at the present exception level: the kernel is hidden from EL0, and programs
    from a kernel that has PSTATE.PAN set.)"""

    def __init__(self, physical):
        self._physical = PageCache(physical)
        self._translates = mmu_is_on()
        self._halves = {}

    def _half_of(self, va):
        name = half_name(va)
        if name not in self._halves:
            self._halves[name] = half(name)
        return self._halves[name]

    def _physical_of(self, va):
        if not self._translates:
            return va
        try:
            physical = walk(self._half_of(va), self._physical, va).physical
        except NoTables:
            raise Unmapped(va) from None
        if physical is None:
            raise Unmapped(va)
        return physical

    def read(self, address, size):
        """Unreadable where nothing is mapped, or no RAM."""
        return b"".join(self._physical.read(self._physical_of(at), part) for at, part in by_pages(address, size))
