# SPDX-License-Identifier: MIT
"""Translation registers and exception syndromes in words (Arm ARM D19.2). Plain Python: nothing of GDB is needed."""

from typing import NamedTuple

from descriptor import SHAREABILITY, bits


class Field(NamedTuple):
    """A register's field. `words` is what its values mean, from 0 on, or a function of the value."""

    name: str
    high: int
    low: int
    words: object

    def describe(self, value):
        number = bits(value, self.high, self.low)
        if callable(self.words):
            return number, self.words(number)
        return number, self.words[number] if number < len(self.words) else "reserved"


def bit(name, number, clear, set_):
    return Field(name, number, number, (clear, set_))


WALKS = ("non-cacheable", "write-back, read and write allocate", "write-through", "write-back, read allocate")
TG0_SHIFTS = (12, 16, 14, None)
TG1_SHIFTS = (None, 14, 12, 16)


def granule(shifts):
    return tuple(f"{1 << shift - 10} KiB granule" if shift else "reserved" for shift in shifts)


def address_bits(value):
    return f"{64 - value} address bits" + ("" if 12 <= value <= 48 else ": not a size that an MMU has")


TCR_EL1 = (
    Field("T0SZ", 5, 0, address_bits),
    bit("EPD0", 7, "TTBR0 is walked", "TTBR0 is not walked: every miss faults"),
    Field("IRGN0", 9, 8, WALKS), Field("ORGN0", 11, 10, WALKS), Field("SH0", 13, 12, SHAREABILITY),
    Field("TG0", 15, 14, granule(TG0_SHIFTS)),
    Field("T1SZ", 21, 16, address_bits),
    bit("A1", 22, "the ASID is TTBR0's", "the ASID is TTBR1's"),
    bit("EPD1", 23, "TTBR1 is walked", "TTBR1 is not walked: every miss faults"),
    Field("IRGN1", 25, 24, WALKS), Field("ORGN1", 27, 26, WALKS), Field("SH1", 29, 28, SHAREABILITY),
    Field("TG1", 31, 30, granule(TG1_SHIFTS)),
    Field("IPS", 34, 32, tuple(f"{size}-bit physical addresses" for size in (32, 36, 40, 42, 44, 48, 52))),
    bit("AS", 36, "8-bit ASIDs", "16-bit ASIDs"),
    bit("TBI0", 37, "low half: the top byte is address", "low half: the top byte is a tag"),
    bit("TBI1", 38, "high half: the top byte is address", "high half: the top byte is a tag"),
    bit("HA", 39, "software sets access flags", "hardware sets access flags"),
    bit("HD", 40, "software keeps dirty state", "hardware keeps dirty state"),
    bit("HPD0", 41, "low half: tables limit rights", "low half: tables do not limit rights"),
    bit("HPD1", 42, "high half: tables limit rights", "high half: tables do not limit rights"),
    bit("DS", 59, "48-bit descriptors", "52-bit descriptors (LPA2)"),
)

SCTLR_EL1 = (
    bit("M", 0, "stage 1 translation off: addresses are physical", "stage 1 translation on"),
    bit("A", 1, "unaligned accesses allowed", "unaligned accesses fault"),
    bit("C", 2, "data cache off", "data cache on"),
    bit("SA", 3, "EL1: SP not checked", "EL1: SP must be 16-byte aligned"),
    bit("SA0", 4, "EL0: SP not checked", "EL0: SP must be 16-byte aligned"),
    bit("I", 12, "instruction cache off", "instruction cache on"),
    bit("WXN", 19, "the tables alone say what may execute", "nothing writable may execute"),
    bit("SPAN", 23, "exceptions to EL1 set PSTATE.PAN", "exceptions to EL1 leave PSTATE.PAN"),
    bit("EE", 25, "EL1 and walks little-endian", "EL1 and walks big-endian"),
)

TTBR = (
    bit("CnP", 0, "private to this CPU", "common to the CPUs"),
    Field("BADDR", 47, 1, lambda value: f"the first table is at {value << 1:#x}"),
    Field("ASID", 63, 48, lambda value: f"ASID {value}"),
)

CACHEABILITY = ("no allocation", "write allocate", "read allocate", "read and write allocate")
DEVICES = ("nGnRnE", "nGnRE", "nGRE", "GRE")


def cacheability(half):
    """One half byte of a normal memory type."""
    if half == 0b0100:
        return "non-cacheable"
    policy = "write-back" if half & 4 else "write-through"
    return f"{policy}{'' if half & 8 else ' transient'}, {CACHEABILITY[half & 3]}"


def memory_type(attr):
    """A byte of MAIR_EL1."""
    outer, inner = attr >> 4, attr & 0xf
    if outer == 0:
        return f"device {DEVICES[inner >> 2]}"
    if inner == 0:
        return "normal, tagged" if attr == 0xf0 else "normal, reserved"
    if outer == inner:
        return "normal " + cacheability(inner)
    return f"normal {cacheability(inner)} (inner), {cacheability(outer)} (outer)"


def memory_types(mair):
    """What each AttrIndx stands for."""
    return [memory_type(mair >> 8 * slot & 0xff) for slot in range(8)]


# Fault status codes: four in a row are levels 0 to 3.
LEVELLED = {0x00: "address size fault", 0x04: "translation fault", 0x08: "access flag fault",
            0x0c: "permission fault", 0x14: "external abort on a walk", 0x1c: "parity error on a walk"}
SINGLE = {0x10: "external abort", 0x11: "tag check fault", 0x18: "parity error", 0x21: "alignment fault",
          0x29: "address size fault, level -1", 0x2b: "translation fault, level -1", 0x30: "TLB conflict",
          0x31: "unsupported atomic update", 0x34: "lockdown", 0x35: "unsupported exclusive or atomic access"}


def fault_status(code):
    """DFSC, IFSC or PAR_EL1.FST in words."""
    if code & ~3 in LEVELLED:
        return f"{LEVELLED[code & ~3]}, level {code & 3}"
    return SINGLE.get(code, f"reserved fault status {code:#x}")


EXCEPTION_CLASSES = {
    0x00: "unknown reason (an undefined instruction)",
    0x01: "trapped WFI or WFE", 0x07: "trapped FP or SIMD (CPACR_EL1.FPEN)", 0x0d: "branch target exception",
    0x0e: "illegal execution state", 0x15: "SVC", 0x16: "HVC", 0x17: "SMC", 0x18: "trapped system instruction",
    0x19: "trapped SVE", 0x20: "instruction abort from EL0", 0x21: "instruction abort from EL1",
    0x22: "PC alignment fault", 0x24: "data abort from EL0", 0x25: "data abort from EL1",
    0x26: "SP alignment fault", 0x2c: "floating-point exception", 0x2f: "SError", 0x30: "breakpoint in EL0",
    0x31: "breakpoint in EL1", 0x32: "software step in EL0", 0x33: "software step in EL1",
    0x34: "watchpoint in EL0", 0x35: "watchpoint in EL1", 0x3c: "BRK instruction",
}
ABORTS = (0x20, 0x21, 0x24, 0x25)
INSTRUCTION_ABORTS = (0x20, 0x21)
FROM_EL0 = (0x20, 0x24)


class Syndrome:
    """ESR_EL1."""

    def __init__(self, raw):
        self.raw = raw
        self.exception_class = bits(raw, 31, 26)

    is_abort = property(lambda self: self.exception_class in ABORTS)
    from_el0 = property(lambda self: self.exception_class in FROM_EL0)
    is_write = property(lambda self: self.is_abort and not self.is_fetch and bool(bits(self.raw, 6)))
    is_fetch = property(lambda self: self.exception_class in INSTRUCTION_ABORTS)
    status = property(lambda self: bits(self.raw, 5, 0))

    @property
    def access(self):
        return "execute" if self.is_fetch else "write" if self.is_write else "read"

    @property
    def has_address(self):
        """FAR_EL1 holds the address (FnV says when not)."""
        if self.is_abort:
            return not (self.status == 0x10 and bits(self.raw, 10))
        return self.exception_class in (0x22, 0x34, 0x35)

    def words(self):
        name = EXCEPTION_CLASSES.get(self.exception_class, f"exception class {self.exception_class:#x}")
        if self.is_abort:
            return f"{name}: {self.access}: {fault_status(self.status)}"
        if self.exception_class in (0x15, 0x16, 0x17, 0x3c):
            return f"{name} #{bits(self.raw, 15, 0):#x}"
        return name


def par_words(par):
    """PAR_EL1, what an AT instruction left."""
    if par & 1:
        return f"the last AT failed: {fault_status(bits(par, 6, 1))}"
    frame = par & 0x000f_ffff_ffff_f000
    return f"the last AT gave {frame:#x}, {memory_type(par >> 56)}, {SHAREABILITY[bits(par, 8, 7)]}"


def field_lines(fields, value):
    """A line for each field: its name, its value, and what that means."""
    for field in fields:
        number, words = field.describe(value)
        yield f"  {field.name:<6} {number:<#6x} {words}"
