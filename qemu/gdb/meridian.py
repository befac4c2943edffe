# SPDX-License-Identifier: MIT
"""Meridian in GDB: the `vm` commands, symbols that follow the image, pretty-printers. README.md says more.

  gdb-multiarch build/kernel/meridian.elf -x qemu/gdb/meridian.py -ex 'target remote :1234'
"""

import os
import sys

import gdb
import gdb.unwinder

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import commands  # noqa: E402,F401  (registers the commands)
import printers  # noqa: E402
import target  # noqa: E402
from image import Image  # noqa: E402
from program import Programs  # noqa: E402
from unwinder import FrameNames, ProgramUnwinder  # noqa: E402
from walk import Unreadable  # noqa: E402


def follow_symbols(image):
    """Symbols follow the image and the program at each stop."""
    build = os.path.dirname(os.path.dirname(image.elf.path))
    programs = Programs([os.path.join(build, "rootfs/bin"), os.path.join(build, "user/bin")])
    unwinder = ProgramUnwinder(programs)
    gdb.unwinder.register_unwinder(None, unwinder, replace=True)

    def on_stop(_=None):
        try:
            image.follow()
            programs.follow()
            unwinder.follow()
        except (gdb.error, gdb.GdbError, Unreadable) as problem:
            gdb.write(f"meridian.py: the symbols did not follow: {problem}\n", gdb.STDERR)

    gdb.events.stop.connect(on_stop)
    if target.connected():
        on_stop()


def start():
    path = gdb.current_progspace().filename
    try:
        image = Image(path) if path else None
    except ValueError as problem:
        gdb.write(f"meridian.py: {problem}; `vm walk` and `vm dump` need none\n", gdb.STDERR)
        return
    if image:
        printers.register()
        FrameNames()
        follow_symbols(image)


start()
