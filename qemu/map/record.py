# SPDX-License-Identifier: MIT
"""Records a live machine under one layout, moment by moment: what its shell says, and what QEMU's GDB stub reads of it
(registers, and the tables in physical memory that they lead to). Nothing here knows an address of any layout.

A recording is plain data, fit for JSON: {"layout", "machine", "texts", "moments"}; record() describes them.
"""

import os
import re
import struct
import subprocess
import tempfile
from typing import NamedTuple

from descriptor import LAST_LEVEL, TABLE, Descriptor
from elf import Elf
from session import TOP, Session
from stub import Stub
from walk import Half

PATIENCE = 60  # seconds, after which the kernel hangs
PAGE = 4096
REGISTERS = ("TCR_EL1", "MAIR_EL1", "TTBR0_EL1", "TTBR1_EL1")
AT_PROMPT_AT_ONCE = {"RUN": "", "GDB": "", "TOUR": "no"}  # whatever a person has chosen for `make run`
# What the shell is asked once, and at each moment.
ONCE = ("layout", "iomem")
EACH = ("frames", "zoneinfo", "vmallocinfo")
BUILD = os.path.join(TOP, os.environ.get("BUILD") or "build")


class UnknownLayout(Exception):
    """The kernel took another layout than it was told to."""


class Action(NamedTuple):
    """What is done to the machine, and looked at before and after. `command` may name {last_frame}, the number of RAM's
    last frame. With `stops_in`, a program and a function of it, the look is taken while the program stands there; the
    next action goes on from there: to another function, or to the prompt."""

    id: str
    name: str  # of the action
    title: str  # of the moment after it
    command: str = None
    stops_in: tuple = None


ACTIONS = (
    Action("vmalloc", "vmalloc", "after vmalloc", "alloc vmalloc 20K"),
    Action("kmap", "kmap", "after kmap", "kmap {last_frame:#x}"),
    Action("program", "run", "while hello runs", "run hello", ("hello", "_exit")),
    Action("ended", "exit", "after hello has ended"),
    Action("forks", "run again", "before forks forks", "run forks", ("forks", "before_fork")),
    Action("fork", "fork", "in the child of forks", None, ("forks", "after_fork")),
    Action("copy", "copy on write", "in the child, which has written", None, ("forks", "after_write")),
    Action("reaped", "exit again", "after forks has ended"),
)
AT_PROMPT = Action("prompt", "boot", "at the prompt", None)


def tables(stub, half, root):
    """{address of a table: its level and words}, of all that `root` leads to."""
    found, waiting = {}, [(root, half.first_level)]
    while waiting:
        table, level = waiting.pop()
        if table in found:
            continue
        words = struct.unpack(f"<{half.entries(level)}Q", stub.read(table, 8 * half.entries(level)))
        found[table] = {"level": level, "words": {index: word for index, word in enumerate(words) if word}}
        entries = (Descriptor(word, level, half.page_shift) for word in words)
        waiting += [(entry.output, level + 1) for entry in entries if level < LAST_LEVEL and entry.kind == TABLE]
    return found


def path_of(program):
    return os.path.join(BUILD, "rootfs/bin", program)


def address_of(path, function):
    """Where a function of a program is linked."""
    symbols = subprocess.run([os.environ.get("CROSS", "aarch64-linux-gnu-") + "nm", path], check=True,
                             stdout=subprocess.PIPE, encoding="ascii").stdout
    return int(re.search(rf"^([0-9a-f]+) . {re.escape(function)}$", symbols, re.MULTILINE)[1], 16)


class Recorder:
    """One machine, being recorded."""

    def __init__(self, shell, stub):
        self._shell, self._stub = shell, stub
        self._last_frame = None
        self._texts = {}  # what the shell said when it could last be asked
        self._inside = []  # the moments since a program has been started
        self._place = None  # where it stands

    def record(self, layout, walks):
        texts = {command: self._shell.run(command) for command in ONCE}
        if re.search(r"^layout (\S+):", texts["layout"], re.MULTILINE)[1] != layout:
            raise UnknownLayout(f"the kernel knows no layout {layout}")
        ram = re.findall(r"^[0-9a-f]+-([0-9a-f]+) : System RAM", texts["iomem"], re.MULTILINE)
        self._last_frame = int(ram[-1], 16) // PAGE
        moments = [self._at_prompt(AT_PROMPT, None, "")] + [self._act(action) for action in ACTIONS]
        answers = {address: self._shell.run(f"walk {address:#x}") for address in walks(texts, moments)}
        return texts, moments, answers

    def _act(self, action):
        command = action.command and action.command.format(last_frame=self._last_frame)
        if action.stops_in:
            return self._in_program(action, command)
        self._to_prompt()
        return self._at_prompt(action, command, self._shell.run(command) if command else "")

    def _at_prompt(self, action, command, said):
        self._texts = {name: self._shell.run(name) for name in EACH}
        self._stub.stop()
        machine = self._machine()
        self._stub.go_on()
        return self._moment(action, command, said, machine)

    def _in_program(self, action, command):
        """While a program runs, the shell can say nothing: of the kernel's texts the last ones stay."""
        name, function = action.stops_in
        path = path_of(name)
        if command:
            self._to_prompt()
            self._stub.stop()
        self._leave()
        self._place = address_of(path, function)
        self._stub.set_breakpoint(self._place)
        self._stub.go_on()
        if command:
            self._shell.type(command + "\r")
        self._stub.wait_for_stop()
        segments = [(part.address, part.address + part.memory_size, part.writable) for part in Elf(path).segments]
        program = {"name": name, "segments": segments, "stack": self._stub.stack_pointer()}
        self._inside.append(self._moment(action, command, "", {**self._machine(), "program": program}))
        return self._inside[-1]

    def _leave(self):
        if self._place is not None:
            self._stub.clear_breakpoint(self._place)
        self._place = None

    def _to_prompt(self):
        """Lets a program end; all that it printed goes to the moment that began it."""
        if self._place is None:
            return
        self._leave()
        self._stub.go_on()
        self._inside[0]["said"] = self._shell.read_to_prompt().partition("\n")[2].strip()
        self._inside = []

    def _moment(self, action, command, said, machine):
        return {"id": action.id, "action": action.name, "title": action.title, "command": command, "said": said.strip(),
                **self._texts, **machine}

    def _machine(self):
        """Registers and tables of the machine, which stands still."""
        registers = {name: self._stub.register(name) for name in REGISTERS}
        tcr = registers["TCR_EL1"]
        low, high = (Half.of("low", tcr, registers["TTBR0_EL1"]), Half.of("high", tcr, registers["TTBR1_EL1"]))
        return {"registers": registers,
                "tables": {"low": tables(self._stub, low, low.root), "high": tables(self._stub, high, high.root)}}


def record(layout, environment, walks=lambda texts, moments: ()):
    """Starts a machine with run.py's variables in `environment`, and gives its recording. `walks` chooses addresses
    that the kernel itself is asked to walk in the end: the tests compare what it says with what is drawn."""
    with tempfile.TemporaryDirectory() as folder:
        socket = os.path.join(folder, "stub")
        own = {**AT_PROMPT_AT_ONCE, "LAYOUT": layout, "QEMU_ARGS": f"-gdb unix:{socket},server=on,wait=off"}
        with Session({**environment, **own}, PATIENCE) as shell, Stub(socket, PATIENCE) as stub:
            stub.go_on()
            texts, moments, answers = Recorder(shell, stub).record(layout, walks)
            machine = shell.boot_log.partition(".")[0].strip()
    return {"layout": layout, "machine": machine, "texts": texts, "moments": moments, "walks": answers}


def ask(layout, environment, command):
    """What a machine prints for one command."""
    with Session({**environment, **AT_PROMPT_AT_ONCE, "LAYOUT": layout}, PATIENCE) as shell:
        return shell.run(command)
