# SPDX-License-Identifier: MIT
"""Backtraces through exceptions and system calls. Code of vectors.S that has called C++ has a TrapFrame at SP: every
register of what was interrupted, kernel or program."""

import gdb
from gdb.unwinder import Unwinder

import kernel

VECTORS = "arch/aarch64/trap/vectors.S"


class FrameId:
    """What GDB knows a frame by."""

    def __init__(self, pending):
        self.sp, self.pc = pending.read_register("sp"), pending.read_register("pc")


class TrapUnwinder(Unwinder):
    """The caller of a frame in vectors.S is what the exception interrupted."""

    def __init__(self):
        super().__init__("meridian-trap")

    def __call__(self, pending):
        symtab = gdb.find_pc_line(int(pending.read_register("pc"))).symtab
        if symtab is None or not symtab.filename.endswith(VECTORS):
            return None
        if pending.level() == 0:
            return None  # the innermost frame may not have stored its TrapFrame yet
        info = pending.create_unwind_info(FrameId(pending))
        for name, value in interrupted(pending).items():
            info.add_saved_register(name, value.cast(pending.read_register(name).type))
        return info


def interrupted(pending):
    """The registers in the TrapFrame at SP."""
    frame_type = kernel.type_of("meridian::arch::TrapFrame")
    frame = pending.read_register("sp").cast(frame_type.pointer()).dereference()
    registers = {f"x{index}": frame["x"][index] for index in range(31)}
    return {**registers, "sp": frame["sp"], "pc": frame["elr"], "cpsr": frame["spsr"]}

