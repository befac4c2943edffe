# SPDX-License-Identifier: MIT
"""Backtraces through exceptions and system calls. GDB itself finds what was interrupted (the call frame information of
vectors.S); here are the frames of a program above that. While the kernel runs, a program's stack is hidden from GDB's
own reads (PSTATE.PAN), so it is read in physical memory, and at the stop: an unwinder may not ask the target."""

import functools
from typing import NamedTuple

import gdb
from gdb.FrameDecorator import FrameDecorator
from gdb.unwinder import Unwinder

import target
from cfi import SP, X30, CallFrames, Unknown, row_at
from walk import NoTables, Unreadable

WORD = (1 << 64) - 1
LOW_HALF_END = 1 << 55
INSTRUCTION = 4
MOST_FRAMES = 500
NAMES = {**{index: f"x{index}" for index in range(31)}, SP: "sp"}


class Caller(NamedTuple):
    """What a frame's caller is: the registers that it has, and the function that it called."""

    registers: dict
    function: int


class FrameId(NamedTuple):
    """What GDB knows a frame by: the function, and the SP of its caller."""

    sp: gdb.Value
    pc: gdb.Value


class ProgramUnwinder(Unwinder):
    """The callers of a program's function that an exception interrupted."""

    def __init__(self, programs):
        super().__init__("meridian-program")
        self._programs = programs
        self._callers = {}  # by (pc, sp) of a frame

    def follow(self):
        """Looks up the callers, at a stop."""
        self._callers = {}
        frame = interrupted_program() if self._programs.current else None
        if frame is None:
            return
        registers = {name: int(frame.read_register(name)) & WORD for name in (*NAMES.values(), "pc")}
        with target.PhysicalMemory() as physical:
            memory = target.VirtualMemory(physical)
            while registers and len(self._callers) < MOST_FRAMES:
                caller = caller_of(registers, self._programs.current, memory)
                if caller:
                    self._callers[registers["pc"], registers["sp"]] = caller
                registers = caller and caller.registers
        gdb.invalidate_cached_frames()  # those that were looked at were unwound without this

    def __call__(self, pending):
        pc, sp = pending.read_register("pc"), pending.read_register("sp")
        caller = self._callers.get((int(pc) & WORD, int(sp) & WORD))
        if caller is None:
            return None
        cfa = gdb.Value(caller.registers["sp"]).cast(sp.type)
        info = pending.create_unwind_info(FrameId(cfa, gdb.Value(caller.function).cast(pc.type)))
        for name, value in caller.registers.items():
            info.add_saved_register(name, gdb.Value(value).cast(pending.read_register(name).type))
        return info


def interrupted_program():
    """The program's frame that an exception into the kernel interrupted, or None."""
    if not target.mmu_is_on() or target.exception_level() == 0:
        return None
    frame = gdb.newest_frame()
    try:
        while frame is not None and frame.pc() >= LOW_HALF_END:
            frame = frame.older()
    except gdb.error:
        return None  # the way there cannot be told
    return frame


def caller_of(registers, elf, memory):
    """The Caller of what has these registers; None if nobody called that, or it cannot be told."""
    pc = registers["pc"]
    try:
        at = pc - INSTRUCTION if is_call(elf.read(pc - INSTRUCTION, INSTRUCTION)) else pc
        function = call_frames(elf).function(at)
        if function is None:
            return None
        row = row_at(function, at)
        if X30 in row.lost:
            return None
        cfa = registers[NAMES[row.cfa_register]] + row.cfa_offset & WORD
        saved = {NAMES[register]: int.from_bytes(memory.read(cfa + offset, 8), "little")
                 for register, offset in row.saved.items() if register in NAMES}
    except (NoTables, Unknown, Unreadable):
        return None
    after = {**registers, **saved}
    return Caller({**after, "sp": cfa, "pc": after["x30"]}, function.start)


@functools.lru_cache(maxsize=1)
def call_frames(elf):
    address, content = elf.section(".eh_frame")
    return CallFrames(content, address)


def is_call(instruction):
    """BL or BLR: what follows is a return address, and the caller's row is that of the call itself."""
    word = int.from_bytes(instruction, "little")
    return word & 0xfc00_0000 == 0x9400_0000 or word & 0xffff_fc1f == 0xd63f_0000


class Named(FrameDecorator):
    """A frame as GDB prints it without decorators, but that one of vectors.S has its name and line: to GDB it is a
    <signal handler called>, as its call frame information says."""

    def function(self):
        call = call_in_vectors(self.inferior_frame())
        if call is None:
            return self.inferior_frame().name() or super().function()
        return gdb.execute(f"info symbol {call:#x}", to_string=True).split()[0]

    def line(self):
        call = call_in_vectors(self.inferior_frame())
        return super().line() if call is None else gdb.find_pc_line(call).line


def call_in_vectors(frame):
    """Where a frame of vectors.S calls its handler, or stands itself; None for another frame."""
    if frame.type() != gdb.SIGTRAMP_FRAME:
        return None
    return frame.pc() - (INSTRUCTION if frame.newer() else 0)


class FrameNames:
    """GDB's frame filter that decorates every frame so."""

    name, priority, enabled = "meridian", 100, True

    def __init__(self):
        gdb.frame_filters[self.name] = self

    def filter(self, frames):
        return map(Named, frames)
