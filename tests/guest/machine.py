# SPDX-License-Identifier: MIT
"""How a guest test starts the kernel: as a person does, through qemu/run.py and its variables.

boot() runs shell commands and gives what was printed and the exit status; Session is for a test
that types, and reads what comes back. Both take the variables of `make run` in lower case:

    result = boot("walk 0xffff000000000000", cpu="cortex-a53", gic=2)
    with Session(mem="64M") as shell:
        assert "linear map" in shell.run("layout")
"""

import os
import re
import subprocess
import sys
from typing import NamedTuple

import session
from session import PROMPT, RUN_PY  # noqa: F401  (for the tests)

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD") or "build")
IMAGE = os.path.join(BUILD, "kernel/Image")
TEST_IMAGE = os.path.join(BUILD, "test/Image")
INITRAMFS = os.path.join(BUILD, "initramfs.cpio")
TEST_INITRAMFS = os.path.join(BUILD, "test-initramfs.cpio")

LAYOUTS = ("arm64", "arm64-39", "x86-64", "i386", "i386-6.1")
VARIABLES = ("APPEND CPU CPUS DTB EL GDB GIC ICOUNT INIT INITRD KERNEL LAYOUT MEM POISON QEMU QEMU_ARGS RUN "
             "TIMEOUT TOUR").split()

# A boot takes a fraction of a second. This is for a computer that is busy with other things: long,
# because running into it means that the kernel hangs, and nothing else should.
PATIENCE = 60


def environment(variables):
    """This process's environment, without what a person may have set for `make test`."""
    chosen = {name.upper(): str(value) for name, value in variables.items()}
    unknown = set(chosen) - set(VARIABLES)
    assert not unknown, f"run.py knows no {unknown}"
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return {**kept, **chosen}


class Result(NamedTuple):
    """What a finished run left: its exit status and all that was printed."""

    status: int
    output: str

    def lines(self, start=""):
        """The lines that begin with `start`, without the space around them."""
        return [line.strip() for line in self.output.splitlines() if line.startswith(start)]


def run_py(*arguments, **variables):
    """One call of qemu/run.py without a terminal."""
    seconds = str(variables.get("timeout", ""))  # a test may give one that is no number
    done = subprocess.run([sys.executable, RUN_PY, *arguments], env=environment(variables), cwd=TOP,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", errors="replace",
                          timeout=PATIENCE + (int(seconds) if seconds.isdecimal() else PATIENCE))
    return Result(done.returncode, done.stdout.replace("\r", ""))


def boot(*commands, **variables):
    """Boots, runs the shell commands, and gives what was printed and the exit status."""
    return run_py(**{"timeout": PATIENCE, "run": "; ".join(commands) or "help", **variables})


def holdings(output):
    """What was in use, to the frame and the object, each time the test image was asked (`holdings`)."""
    return re.findall(r"^held: (\d+ frames, \d+ objects)$", output, re.MULTILINE)


class Session(session.Session):
    """The kernel's shell on a terminal of its own, without the tour."""

    def __init__(self, **variables):
        super().__init__(environment({"tour": "no", **variables}), PATIENCE)
