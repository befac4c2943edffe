# SPDX-License-Identifier: MIT
"""Where a program's functions keep their caller's registers: call frame information (DWARF 5, 6.4, "Call Frame
Information") as an .eh_frame section holds it. Plain Python; it knows what compilers write for AArch64."""

import struct
from typing import NamedTuple, Optional

X30 = 30  # the return address
SP = 31

ABSOLUTE, PC_RELATIVE = 0x00, 0x10  # how a pointer is encoded, above its format
FORMATS = {0x0: "<Q", 0x2: "<H", 0x3: "<I", 0x4: "<Q", 0xa: "<h", 0xb: "<i", 0xc: "<q"}


class Unknown(Exception):
    """Something that is not understood here."""


class Reader:
    """Numbers out of a section, one after the other."""

    def __init__(self, data, at, end):
        self.data, self.at, self.end = data, at, end

    def more(self):
        return self.at < self.end

    def number(self, form):
        value, = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def byte(self):
        return self.number("<B")

    def uleb(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def sleb(self):
        start = self.at
        value, bits = self.uleb(), 7 * (self.at - start)
        return value - (1 << bits) if value >> bits - 1 else value

    def text(self):
        end = self.data.index(0, self.at)
        value, self.at = self.data[self.at:end].decode("ascii"), end + 1
        return value

    def block(self):
        """What the next `length` bytes hold."""
        length = self.uleb()
        block = Reader(self.data, self.at, self.at + length)
        self.at += length
        return block


class Row(NamedTuple):
    """At an instruction: the canonical frame address (CFA, the caller's SP) is a register and an offset; each register
    that was stored, by its distance from there; and those that cannot be told."""

    cfa_register: int = SP
    cfa_offset: int = 0
    saved: dict = {}
    lost: frozenset = frozenset()

    def keep(self, register, offset):
        return self._replace(saved={**self.saved, register: offset}, lost=self.lost - {register})

    def forget(self, register, lost=False):
        saved = {name: offset for name, offset in self.saved.items() if name != register}
        return self._replace(saved=saved, lost=self.lost | {register} if lost else self.lost - {register})

    def restore(self, register, initial):
        if register in initial.saved:
            return self.keep(register, initial.saved[register])
        return self.forget(register, lost=register in initial.lost)


class Common(NamedTuple):
    """What the functions of a file have in common (a CIE)."""

    code_unit: int
    data_unit: int
    pointer: int
    has_augmentation: bool
    initial: Row


class Function(NamedTuple):
    """One function (an FDE): its first address, the first behind it, how its rows follow one another."""

    start: int
    end: int
    common: Common
    program: Reader


class CallFrames:
    """The functions of an .eh_frame section that is loaded at `address`."""

    def __init__(self, section, address):
        self._section, self._address = section, address
        self.functions = list(self._read())

    def _read(self):
        at, commons = 0, {}
        while at + 8 <= len(self._section):
            length, identity = struct.unpack_from("<II", self._section, at)
            body = Reader(self._section, at + 8, at + 4 + length)
            if length and identity == 0:
                commons[at] = self._common(body)
            elif length:
                yield self._function(body, commons[at + 4 - identity])
            at += 4 + length

    def _common(self, body):
        body.byte()  # version
        augmentation = body.text()
        code_unit, data_unit, _ = body.uleb(), body.sleb(), body.uleb()
        pointer = ABSOLUTE
        if augmentation.startswith("z"):
            block = body.block()
            for letter in augmentation[1:]:
                if letter == "R":
                    pointer = block.byte()
                elif letter == "L":
                    block.byte()
                elif letter == "P":
                    block.number(FORMATS[block.byte() & 0xf])
        common = Common(code_unit, data_unit, pointer, augmentation.startswith("z"), Row())
        return common._replace(initial=list(rows(body, 0, common))[-1][1])

    def _function(self, body, common):
        base = self._address + body.at if common.pointer & 0x70 == PC_RELATIVE else 0
        start = base + body.number(FORMATS[common.pointer & 0xf])
        size = body.number(FORMATS[common.pointer & 0x7])
        if common.has_augmentation:
            body.block()
        return Function(start, start + size, common, body)

    def function(self, pc) -> Optional[Function]:
        """The one at `pc`."""
        return next((function for function in self.functions if function.start <= pc < function.end), None)


def row_at(function, pc):
    """The row of the instruction at `pc` in the function. Unknown if it cannot be understood."""
    return [row for start, row in rows_of(function) if start <= pc][-1]


def rows_of(function):
    """(first address, row) of all its rows."""
    program = Reader(function.program.data, function.program.at, function.program.end)
    return rows(program, function.start, function.common)


def rows(program, pc, common):
    """Runs the call frame instructions."""
    row, remembered = common.initial, []
    while program.more():
        code = program.byte()
        high, low = code & 0xc0, code & 0x3f
        if high == 0x40 or code in (0x02, 0x03, 0x04):  # advance_loc, in four sizes
            yield pc, row
            pc += common.code_unit * (low if high else program.number({2: "<B", 3: "<H", 4: "<I"}[code]))
        elif high == 0x80:  # offset
            row = row.keep(low, program.uleb() * common.data_unit)
        elif code == 0x05:  # offset_extended
            row = row.keep(program.uleb(), program.uleb() * common.data_unit)
        elif code == 0x11:  # offset_extended_sf
            row = row.keep(program.uleb(), program.sleb() * common.data_unit)
        elif high == 0xc0:  # restore
            row = row.restore(low, common.initial)
        elif code == 0x06:  # restore_extended
            row = row.restore(program.uleb(), common.initial)
        elif code == 0x07:  # undefined
            row = row.forget(program.uleb(), lost=True)
        elif code == 0x08:  # same_value
            row = row.forget(program.uleb())
        elif code == 0x0a:  # remember_state
            remembered.append(row)
        elif code == 0x0b:  # restore_state
            row = remembered.pop()
        elif code == 0x0c:  # def_cfa
            row = row._replace(cfa_register=program.uleb(), cfa_offset=program.uleb())
        elif code == 0x0d:  # def_cfa_register
            row = row._replace(cfa_register=program.uleb())
        elif code == 0x0e:  # def_cfa_offset
            row = row._replace(cfa_offset=program.uleb())
        elif code == 0x13:  # def_cfa_offset_sf
            row = row._replace(cfa_offset=program.sleb() * common.data_unit)
        elif code != 0x00:  # nop
            raise Unknown(f"call frame instruction {code:#x}")
    yield pc, row
