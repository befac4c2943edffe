# SPDX-License-Identifier: MIT
"""How GDB prints the kernel's types: addresses as addresses, descriptors in words, a Result as its value or error."""

import gdb
import gdb.printing

from descriptor import INVALID, LAST_LEVEL, Descriptor, size_text
from kernel import find_field, number
from sysregs import memory_types

PAGE_SHIFT = 12
KERNEL_MAIR = 0x00000000000444ff  # of mm's memory types; a value may be printed without a machine


class Printer:
    """Made for a value; a subclass says how it reads."""

    def __init__(self, value):
        self.value = value


class Address(Printer):
    def to_string(self):
        return f"{number(self.value):#018x}"


class Frame(Printer):
    def to_string(self):
        pfn = number(self.value)
        return f"frame {pfn:#x} (physical {pfn << PAGE_SHIFT:#x})"


class Range(Printer):
    def to_string(self):
        start, size = number(self.value["start_"]), int(self.value["size_"])
        return f"{start:#018x}-{start + size:#018x} ({size_text(size)})" if size else f"{start:#018x}, empty"


class FrameRange(Printer):
    def to_string(self):
        first, count = number(self.value["first"]), int(self.value["count"])
        return f"frames {first:#x}-{first + count - 1:#x} ({count})" if count else f"frames {first:#x}, empty"


class DescriptorPrinter(Printer):
    """The word does not know its level: it is shown as what it is at L3, and as a table if it may be one."""

    def to_string(self):
        raw = number(self.value)
        entry = Descriptor(raw, LAST_LEVEL)
        if entry.kind == INVALID:
            above = Descriptor(raw, LAST_LEVEL - 1)
            return f"{raw:#018x} {above.words(memory_types(KERNEL_MAIR))}" + (" at L2" if raw & 1 else "")
        return (f"{raw:#018x} at L3: {entry.words(memory_types(KERNEL_MAIR))}; above: "
                f"{Descriptor(raw, LAST_LEVEL - 1).words([])}")


class Result(Printer):
    """`failure` is 0, or 1 and the error's code."""

    def to_string(self):
        void = find_field(self.value.type, "storage_") is None
        storage = self.value if void else self.value["storage_"]
        failure = int(storage["failure_" if void else "failure"])
        if failure:
            code = gdb.Value(failure - 1).cast(gdb.lookup_type("meridian::Errc"))
            return f"error {code} ({int(storage['about_' if void else 'about']):#x})"
        return "success" if void else f"value {storage['value']}"


class FixedText(Printer):
    def to_string(self):
        return self.value["text_"].string("utf-8", "replace", length=int(self.value["size_"]))

    def display_hint(self):
        return "string"


class Process(Printer):
    def to_string(self):
        name = self.value["resources_"]["value_"]["name"]
        text = name["text_"].string("utf-8", "replace", length=int(name["size_"]))
        return f"process {int(self.value['pid_'])} ({text})"


class Vma(Printer):
    def to_string(self):
        start, may = int(self.value["start_"]), self.value["traits"]["protection"]
        rights = "".join(letter if may[right] else "-" for letter, right in
                         (("r", "read"), ("w", "write"), ("x", "execute")))
        return f"{start:#x}-{start + int(self.value['size_']):#x} {rights}"


PRINTERS = (
    ("Address", r"^meridian::(Phys|Virt|User)Addr$", Address),
    ("Frame", r"^meridian::Frame$", Frame),
    ("Page", r"^meridian::Page$", Address),
    ("Range", r"^meridian::Range<.*>$", Range),
    ("FrameRange", r"^meridian::FrameRange$", FrameRange),
    ("Descriptor", r"^meridian::arch::Descriptor$", DescriptorPrinter),
    ("Result", r"^meridian::Result<.*>$", Result),
    ("Process", r"^meridian::Process$", Process),
    ("Vma", r"^meridian::Vma$", Vma),
    ("FixedText", r"^meridian::FixedText<.*>$", FixedText),
)


def register():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("meridian")
    for name, pattern, printer in PRINTERS:
        printers.add_printer(name, pattern, printer)
    gdb.printing.register_pretty_printer(None, printers, replace=True)
