# SPDX-License-Identifier: MIT
"""A dump of the tables as runs: neighbours of one level and with the same bits that lead to frames in a row. The lines
are those of the shell's `ptdump`. Plain Python: nothing of GDB is needed."""

from typing import NamedTuple

from descriptor import LAST_LEVEL, LEAF, Descriptor, Limits, output_mask, size_text
from walk import entries

LEVEL_NAMES = ("PGD", "PUD", "PMD", "PTE")
SH_NAMES = ("none", "reserved", "outer", "inner")
# Linux's names for what MAIR_EL1 may hold in a slot.
TYPE_NAMES = {0xff: "MEM/NORMAL", 0x44: "MEM/NORMAL-NC", 0xf0: "MEM/NORMAL-TAGGED", 0x04: "DEVICE/nGnRE",
              0x00: "DEVICE/nGnRnE"}


class Run(NamedTuple):
    start: int
    size: int
    physical: int
    entry: Descriptor  # the first one
    limits: Limits

    @property
    def last(self):
        return self.start + self.size - 1

    @property
    def bits(self):
        """The entry without the output address."""
        return self.entry.raw & ~output_mask(self.entry.page_shift)

    def continues(self, other):
        """True if this run goes on where `other` ends."""
        return (self.start == other.start + other.size and self.physical == other.physical + other.size
                and self.entry.level == other.entry.level and self.bits == other.bits
                and self.limits == other.limits)

    def cut(self, first, last):
        """The part of it in first to last."""
        start, end = max(self.start, first), min(self.last, last)
        return self._replace(start=start, size=end - start + 1, physical=self.physical + start - self.start)


def runs(half, memory, first=0, last=(1 << 64) - 1, on_unreadable=None):
    """The runs of leaves that meet first to last, lowest first, cut to that."""
    newest = None
    for va, entry, limits in entries(half, memory, first, last, on_unreadable):
        if entry.kind != LEAF:
            continue
        run = Run(va, entry.span, entry.output, entry, limits).cut(first, last)
        if newest and run.continues(newest):
            newest = newest._replace(size=newest.size + run.size)
            continue
        if newest:
            yield newest
        newest = run
    if newest:
        yield newest


def raw_line(run):
    """As `ptdump kernel raw`: first, last, physical address, level, and the entry without its address."""
    return f"{run.start:016x} {run.last:016x} {run.physical:016x} L{run.entry.level} {run.bits:016x}"


def line(run, mair):
    """As `ptdump`, with the physical address, and what that leaves out behind it."""
    entry, limits = run.entry, run.limits
    attr = mair >> 8 * entry.attr_index & 0xff
    columns = (
        "USR" if entry.user and not limits.no_el0 else "   ",
        "ro" if entry.read_only or limits.no_write else "RW",
        "NX" if entry.pxn or limits.no_el1_execute else "x ",
        "SHD" if entry.shareability == 0b11 else "   ",
        "AF" if entry.accessed else "  ",
        "NG" if entry.not_global else "  ",
        "CON" if entry.contiguous else "   ",
        "   " if entry.level == LAST_LEVEL else "BLK",
        "UXN" if entry.uxn or limits.no_el0_execute else "   ",
        "GP" if entry.guarded else "  ",
        TYPE_NAMES.get(attr, f"MAIR {attr:#04x}"),
        f"AttrIndx {entry.attr_index} SH {SH_NAMES[entry.shareability]}" + (" DBM" if entry.dirty_modifier else ""),
    )
    return (f"{run.start:#018x}-{(run.last + 1) % (1 << 64):#018x} {run.physical:#018x} {size_text(run.size):>10} "
            f"{LEVEL_NAMES[entry.level]}   {' '.join(columns)}")


def is_device(run, mair):
    return mair >> 8 * run.entry.attr_index & 0xf0 == 0


# What a person may ask of a run: each word is a question about the run and MAIR_EL1.
FILTERS = {
    "user": lambda run, mair: run.entry.el0_rights(run.limits).read,
    "write": lambda run, mair: run.entry.el1_rights(run.limits).write,
    "readonly": lambda run, mair: not run.entry.el1_rights(run.limits).write,
    "exec": lambda run, mair: run.entry.el1_rights(run.limits).execute or run.entry.el0_rights(run.limits).execute,
    "device": is_device,
    "block": lambda run, mair: run.entry.level != LAST_LEVEL,
    "page": lambda run, mair: run.entry.level == LAST_LEVEL,
    "contiguous": lambda run, mair: run.entry.contiguous,
    "global": lambda run, mair: not run.entry.not_global,
}
