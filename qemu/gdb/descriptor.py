# SPDX-License-Identifier: MIT
"""VMSAv8-64 stage 1 descriptors in words (Arm ARM D8.3, "Translation table descriptor formats"; EL1&0 regime,
48-bit output addresses, any granule). The same bits mean different things at different levels, so a
descriptor here knows its level. Plain Python: nothing of GDB is needed."""

from typing import NamedTuple

INVALID, TABLE, LEAF = "invalid", "table", "leaf"
LAST_LEVEL = 3
OUTPUT_BITS = 48

SHAREABILITY = ("non-shareable", "SH reserved", "outer shareable", "inner shareable")


def bits(word, high, low=None):
    """Bits `high` to `low` of a word; one bit without `low`."""
    low = high if low is None else low
    return word >> low & (1 << high - low + 1) - 1


def size_text(size):
    """The size in the largest unit that divides it, as the shell prints it: 4K, 2M, 1G."""
    unit = 0
    while size >= 1024 and size % 1024 == 0 and unit < 6:
        size >>= 10
        unit += 1
    return f"{size}{'BKMGTPE'[unit]}"


def entry_shift(level, page_shift=12):
    """The lowest address bit that indexes a table of `level`."""
    return page_shift + (page_shift - 3) * (LAST_LEVEL - level)


def entry_span(level, page_shift=12):
    """The bytes that an entry of `level` covers."""
    return 1 << entry_shift(level, page_shift)


def can_be_leaf(level, page_shift=12):
    """A page always; a block of at most 1 GiB (with TCR_EL1.DS = 0 that is the rule for each granule)."""
    return level == LAST_LEVEL or (level > 0 and entry_span(level, page_shift) <= 1 << 30)


class Limits(NamedTuple):
    """What the tables above an entry take away from it."""

    no_el0: bool = False
    no_write: bool = False
    no_el1_execute: bool = False
    no_el0_execute: bool = False

    def __or__(self, other):
        return Limits(*(a or b for a, b in zip(self, other)))

    def words(self):
        names = ("nothing for EL0", "nothing writable", "nothing executable at EL1", "nothing executable at EL0")
        return [name for name, set_ in zip(names, self) if set_]


class Rights(NamedTuple):
    """What one exception level may do."""

    read: bool
    write: bool
    execute: bool

    def __str__(self):
        return "".join(letter if may else "-" for letter, may in zip("rwx", self))


class Descriptor:
    """One 64-bit word that the MMU reads from a table of `level`."""

    def __init__(self, raw, level, page_shift=12):
        self.raw, self.level, self.page_shift = raw, level, page_shift

    @property
    def kind(self):
        if not self.raw & 1:
            return INVALID
        if self.raw & 2:
            return LEAF if self.level == LAST_LEVEL else TABLE
        return LEAF if self.level != LAST_LEVEL and can_be_leaf(self.level, self.page_shift) else INVALID

    @property
    def output(self):
        """Where the next table lies, or the first byte that a well-formed leaf maps."""
        return self.raw & output_mask(self.page_shift)

    @property
    def span(self):
        return entry_span(self.level, self.page_shift)

    # Of a leaf.
    attr_index = property(lambda self: bits(self.raw, 4, 2))
    user = property(lambda self: bool(bits(self.raw, 6)))
    read_only = property(lambda self: bool(bits(self.raw, 7)))
    shareability = property(lambda self: bits(self.raw, 9, 8))
    accessed = property(lambda self: bool(bits(self.raw, 10)))
    not_global = property(lambda self: bool(bits(self.raw, 11)))
    guarded = property(lambda self: bool(bits(self.raw, 50)))
    dirty_modifier = property(lambda self: bool(bits(self.raw, 51)))
    contiguous = property(lambda self: bool(bits(self.raw, 52)))
    pxn = property(lambda self: bool(bits(self.raw, 53)))
    uxn = property(lambda self: bool(bits(self.raw, 54)))

    @property
    def limits(self):
        """Of a table: APTable, PXNTable, UXNTable."""
        return Limits(bool(bits(self.raw, 61)), bool(bits(self.raw, 62)), bool(bits(self.raw, 59)),
                      bool(bits(self.raw, 60)))

    def el1_rights(self, limits=Limits(), wxn=False):
        """Of a leaf below tables with these limits. What EL0 can write, EL1 never executes; with SCTLR_EL1.WXN
        nothing writable is executed at all."""
        write = not (self.read_only or limits.no_write)
        el0_writes = self.user and not limits.no_el0 and write
        execute = not (self.pxn or limits.no_el1_execute or el0_writes or (wxn and write))
        return Rights(True, write, execute)

    def el0_rights(self, limits=Limits(), wxn=False):
        read = self.user and not limits.no_el0
        write = read and not (self.read_only or limits.no_write)
        return Rights(read, write, not (self.uxn or limits.no_el0_execute or (wxn and write)))

    def words(self, memory_types, limits=Limits(), wxn=False):
        """All of it in one line. `memory_types` says what each slot of MAIR_EL1 stands for."""
        if self.kind == INVALID:
            return "invalid" if not self.raw & 1 else "reserved: read as invalid at this level"
        if self.kind == TABLE:
            return ", ".join([f"table {self.output:#018x}"] + [f"{words} below" for words in self.limits.words()])
        what = "page" if self.level == LAST_LEVEL else f"{size_text(self.span)} block"
        parts = [f"{what} {self.output:#018x}", f"EL1 {self.el1_rights(limits, wxn)}",
                 f"EL0 {self.el0_rights(limits, wxn)}",
                 f"AttrIndx {self.attr_index} = {memory_types[self.attr_index]}", SHAREABILITY[self.shareability],
                 "nG: tagged with the ASID" if self.not_global else "global",
                 "AF" if self.accessed else "AF clear: not accessed yet"]
        parts += [word for word, flag in (("contiguous", self.contiguous), ("DBM", self.dirty_modifier),
                                          ("guarded", self.guarded)) if flag]
        return ", ".join(parts)


def output_mask(page_shift=12):
    return (1 << OUTPUT_BITS) - (1 << page_shift)


def problems(entry, half, limits=Limits(), memory_types=None):
    """What is wrong with a valid entry of a walk in `half` ("low" or "high"), in words: it is malformed, or it grants
    what a kernel that keeps W^X and its halves apart never grants."""
    if entry.kind == INVALID:
        return ["a block where none may be"] if entry.raw & 1 else []
    if entry.kind == TABLE:
        return ["reserved bits set"] if bits(entry.raw, 50, 48) else []
    return form_problems(entry) + rights_problems(entry, half, limits, memory_types)


def form_problems(entry):
    low_bits = bits(entry.raw, entry_shift(entry.level, entry.page_shift) - 1, entry.page_shift) \
        if entry.level != LAST_LEVEL else 0
    found = (
        (bits(entry.raw, 49, 48) or bits(entry.raw, 5), "reserved bits set"),
        (low_bits, "output address not aligned to the block"),
        (entry.shareability == 0b01, "reserved shareability"),
    )
    return [words for wrong, words in found if wrong]


def rights_problems(entry, half, limits, memory_types):
    el1, el0 = entry.el1_rights(limits), entry.el0_rights(limits)
    executable = el1.execute or el0.execute
    user = entry.user and not limits.no_el0
    device = memory_types is not None and memory_types[entry.attr_index].startswith("device")
    found = (
        ((el1.write or el0.write) and executable, "writable and executable"),
        (executable and device, "executable device"),
        (user and el1.execute, "the kernel may execute a user page"),
        (not user and el0.execute, "EL0 may execute a page that it cannot read"),
        (user and half == "high", "a user page in the high half"),
        (half == "low" and not entry.not_global, "a global page in the low half"),
    )
    return [words for wrong, words in found if wrong]
