# SPDX-License-Identifier: MIT
"""What the `vm` commands have in common: how they are declared, their arguments, how they fail."""

import re

import gdb

import kernel
import target
from walk import NoTables, Unreadable

WORD = (1 << 64) - 1


def print_(text):
    gdb.write(text + "\n")


class VmPrefix(gdb.Command):
    """Virtual memory: what the tables, the registers and the kernel say. `help vm` lists the commands.

    None of them resumes or changes the machine."""

    def __init__(self):
        super().__init__("vm", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, text, from_tty):
        if text:
            raise gdb.GdbError(f'vm {text.split()[0]}: there is no such command: `help vm` lists them')
        gdb.execute("help vm")


class VmCommand(gdb.Command):
    """A subclass has a `name`, a docstring (its help), the `words` that complete, and run(words)."""

    name = ""
    words = ()
    symbols = False  # an argument is an expression, so symbols complete, too

    def __init__(self):
        super().__init__(f"vm {self.name}", gdb.COMMAND_DATA)

    def complete(self, text, word):
        last = text.rpartition(" ")[2]  # `word` is None when GDB only asks where words end
        matches = [known for known in self.words if known.startswith(last)]
        return matches or (gdb.COMPLETE_EXPRESSION if self.symbols else gdb.COMPLETE_NONE)

    def invoke(self, text, from_tty):
        if not target.connected():
            raise gdb.GdbError("no machine: `target remote` first")
        try:
            self.run(text.split())
        except NoTables as problem:
            if target.mmu_is_on():
                raise gdb.GdbError(str(problem)) from None
            print_(str(problem))  # with the MMU off that is no error
        except Unreadable as problem:
            raise gdb.GdbError(str(problem)) from None
        except gdb.error as problem:
            raise gdb.GdbError(f"vm {self.name}: {problem}") from None

    def usage(self):
        return gdb.GdbError(self.__doc__.split("\n")[0])


def address(text):
    """The 64-bit address that an expression gives: a number, `$sp`, `&variable`, a VirtAddr."""
    return kernel.number(kernel.evaluate(text)) & WORD


def frame_number(text):
    """A frame number: a number, a Frame, or the one that a PhysAddr lies in."""
    value = kernel.evaluate(text)
    by_address = value.type.strip_typedefs().name == "meridian::PhysAddr"
    return kernel.number(value) >> (12 if by_address else 0)


def split_option(words, options):
    """(the words without any of `options`, those of them that were given)."""
    return [word for word in words if word not in options], [word for word in words if word in options]


def address_range(text):
    """FIRST-LAST, or the page of ADDR, as (first, last)."""
    match = re.fullmatch(r"(0x[0-9a-fA-F]+)-(0x[0-9a-fA-F]+)", text)
    if match:
        return int(match[1], 16), int(match[2], 16)
    page = address(text) & -target.PAGE
    return page, page + target.PAGE - 1
