# SPDX-License-Identifier: MIT
"""The walk that the MMU makes (Arm ARM D8.2, "Translation process"), over any memory that has `read(address, size)`.
Plain Python: nothing of GDB is needed."""

import struct
from typing import NamedTuple

from descriptor import INVALID, LAST_LEVEL, LEAF, TABLE, Descriptor, Limits, bits, entry_shift, entry_span
from sysregs import TG0_SHIFTS, TG1_SHIFTS

MAX_VA_BITS = {12: 48, 14: 48, 16: 52}
MIN_VA_BITS = 16


class Unreadable(Exception):
    """Physical memory that cannot be read: there is no RAM at the address."""

    def __init__(self, address):
        super().__init__(f"there is no RAM at {address:#x}")


class NoTables(Exception):
    """The registers describe no tables that could be walked; the text says why."""


class Half(NamedTuple):
    """One half of the address space, as TCR_EL1 and a TTBR describe it."""

    name: str  # low, high
    va_bits: int
    page_shift: int
    root: int
    asid: int
    ignores_top_byte: bool = False
    ignores_limits: bool = False

    @classmethod
    def of(cls, name, tcr, ttbr):
        """The half `name` by its registers; NoTables if an MMU could not use them."""
        high = name == "high"
        register = f"T{int(high)}SZ"
        va_bits = 64 - (bits(tcr, 21, 16) if high else bits(tcr, 5, 0))
        page_shift = TG1_SHIFTS[bits(tcr, 31, 30)] if high else TG0_SHIFTS[bits(tcr, 15, 14)]
        if bits(tcr, 59):
            raise NoTables("TCR_EL1.DS is set: 52-bit descriptors are not understood here")
        if bits(tcr, 23 if high else 7):
            raise NoTables(f"TCR_EL1.EPD{int(high)} is set: the {name} half is not walked")
        if page_shift is None or not MIN_VA_BITS <= va_bits <= MAX_VA_BITS[page_shift]:
            raise NoTables(f"TCR_EL1 is {tcr:#x}: {register} and TG{int(high)} give no {name} half")
        return cls(name, va_bits, page_shift, ttbr & 0x0000_ffff_ffff_fffe, ttbr >> 48,
                   bool(bits(tcr, 38 if high else 37)), bool(bits(tcr, 42 if high else 41)))

    @property
    def first(self):
        return 0 if self.name == "low" else (1 << 64) - (1 << self.va_bits)

    @property
    def last(self):
        return self.first + (1 << self.va_bits) - 1

    @property
    def first_level(self):
        levels = -(-(self.va_bits - self.page_shift) // (self.page_shift - 3))
        return LAST_LEVEL + 1 - levels

    def untagged(self, va):
        """The address without the top byte, if that is ignored."""
        if not self.ignores_top_byte:
            return va
        return va & (1 << 56) - 1 | (0xff << 56 if self.name == "high" else 0)

    def contains(self, va):
        return self.first <= self.untagged(va) <= self.last

    def entries(self, level):
        if level == self.first_level:
            return 1 << self.va_bits - entry_shift(level, self.page_shift)
        return 1 << self.page_shift - 3

    def index(self, level, va):
        return (va >> entry_shift(level, self.page_shift)) % self.entries(level)


def half_name(va):
    """Bit 55 chooses the half, with or without a tag above it."""
    return "high" if bits(va, 55) else "low"


class Step(NamedTuple):
    table: int
    index: int
    entry: Descriptor
    limits: Limits  # of the tables before


class Walk(NamedTuple):
    """What the MMU reads for an address, and how it ends: leaf, invalid, outside (no table is read), unreadable."""

    steps: list
    end: str
    va: int
    limits: Limits = Limits()

    @property
    def physical(self):
        if self.end != LEAF:
            return None
        entry = self.steps[-1].entry
        return entry.output & -entry.span | self.va & entry.span - 1


def walk(half, memory, va):
    """Every descriptor from the root to the last one."""
    if not half.contains(va):
        return Walk([], "outside", va)
    steps, table, limits = [], half.root, Limits()
    for level in range(half.first_level, LAST_LEVEL + 1):
        index = half.index(level, va)
        try:
            raw, = struct.unpack("<Q", memory.read(table + 8 * index, 8))
        except Unreadable:
            return Walk(steps, "unreadable", va, limits)
        entry = Descriptor(raw, level, half.page_shift)
        steps.append(Step(table, index, entry, limits))
        if entry.kind != TABLE:
            return Walk(steps, entry.kind, va, limits)
        if not half.ignores_limits:
            limits |= entry.limits
        table = entry.output
    raise AssertionError("an entry of the last level is no table")


class Entry(NamedTuple):
    """A valid entry of a table, and where it stands."""

    va: int
    descriptor: Descriptor
    limits: Limits


def entries(half, memory, first=0, last=(1 << 64) - 1, on_unreadable=None):
    """Every entry, valid or reserved, that covers a part of first to last: tables before what is below them."""

    def visit(table, level, base, limits):
        span = entry_span(level, half.page_shift)
        start = max(0, (first - base) // span)
        end = min(half.entries(level), (last - base) // span + 1)
        if start >= end:
            return
        try:
            words = memory.read(table + 8 * start, 8 * (end - start))
        except Unreadable as problem:
            if on_unreadable:
                on_unreadable(base, problem)
            return
        for slot, raw in enumerate(struct.unpack(f"<{end - start}Q", words), start):
            if not raw & 1:
                continue
            entry = Descriptor(raw, level, half.page_shift)
            va = base + slot * span
            yield Entry(va, entry, limits)
            if entry.kind == TABLE:
                below = limits if half.ignores_limits else limits | entry.limits
                yield from visit(entry.output, level + 1, va, below)

    yield from visit(half.root, half.first_level, half.first, Limits())


def why_refused(found, access, el0, wxn=False, pan=False):
    """Why an access ("read", "write", "execute") is refused, in words; None if it is allowed. `wxn` and `pan` are
    SCTLR_EL1.WXN and PSTATE.PAN."""
    if found.end == "outside":
        return "the top bits alone make the address invalid: translation fault, level 0, no table is read"
    if found.end == "unreadable":
        return "a table lies where there is no RAM: external abort on the walk"
    last = found.steps[-1].entry
    if found.end == INVALID:
        return f"nothing is mapped there: translation fault, level {last.level}"
    if not last.accessed:
        return f"AF is clear: access flag fault, level {last.level}"
    rights = last.el0_rights(found.limits, wxn) if el0 else last.el1_rights(found.limits, wxn)
    if not getattr(rights, access):
        return f"EL{0 if el0 else 1} has {rights} there: permission fault, level {last.level}"
    if pan and not el0 and access != "execute" and last.el0_rights(found.limits).read:
        return f"PSTATE.PAN keeps EL1 out of a program's page: permission fault, level {last.level}"
    return None
