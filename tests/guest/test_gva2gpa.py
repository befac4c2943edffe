# SPDX-License-Identifier: MIT
"""QEMU's own translation is the judge of the kernel's tables: its monitor is asked where each page leads
("gva2gpa"), and what it says must be what `ptdump kernel raw` says. QEMU's walk shares no code with ours."""

import json
import os
import re
import socket
import tempfile
from typing import NamedTuple

import pytest

from machine import LAYOUTS, PATIENCE, Session

PAGE = 4096
LEAF_SIZES = {1: 1 << 30, 2: 1 << 21, 3: PAGE}
SPACE_END = 1 << 64


class Run(NamedTuple):
    """A line of the dump: pages from `first` to `last` that lead to frames in a row from `frame`."""

    first: int
    last: int
    frame: int
    level: int


def runs_of(dump):
    lines = re.findall(r"^([0-9a-f]{16}) ([0-9a-f]{16}) ([0-9a-f]{16}) L(\d) [0-9a-f]{16}$", dump, re.MULTILINE)
    return [Run(int(first, 16), int(last, 16), int(frame, 16), int(level)) for first, last, frame, level in lines]


def pages_of(run):
    """Every page of the run; of leaves larger than a page, the first page, one in the middle, and the last."""
    size = LEAF_SIZES[run.level]
    offsets = sorted({0, size // 2 & -PAGE, size - PAGE})
    return [leaf + offset for leaf in range(run.first, run.last, size) for offset in offsets]


def translations(runs):
    """{page: where it leads, or None} for the pages of the runs, and for those around them."""
    around = [page for run in runs for page in (run.first - PAGE, run.last + 1) if 0 <= page < SPACE_END]
    mapped = {page: run.frame + page - run.first for run in runs for page in pages_of(run)}
    return {**dict.fromkeys(around), **mapped}


def differences(runs, ask):
    """What `ask` answers otherwise than the runs do, in words."""
    answers = [(page, frame, ask(page)) for page, frame in translations(runs).items()]
    return [f"{page:#x}: the kernel says {frame and hex(frame)}, QEMU says {answer and hex(answer)}"
            for page, frame, answer in answers if frame != answer]


class Monitor:
    """QEMU's monitor, over the socket at `path`."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.lines.readline()  # who is there
        self._do("qmp_capabilities")

    def _do(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        return next(reply for reply in map(json.loads, self.lines) if "event" not in reply)["return"]

    def translate(self, address):
        """The physical address, or None if nothing is mapped there."""
        answer = self._do("human-monitor-command", **{"command-line": f"gva2gpa {address:#x}"}).strip()
        return None if answer == "Unmapped" else int(answer.removeprefix("gpa: "), 16)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()


def check(layout, mem):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "qmp")
        with Session(layout=layout, mem=mem, qemu_args=f"-qmp unix:{path},server=on,wait=off") as shell, \
                Monitor(path) as monitor:
            runs = runs_of(shell.run("ptdump kernel raw"))
            assert {2, 3} <= {run.level for run in runs}, "the dump holds blocks and pages"
            assert differences(runs, monitor.translate) == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_qemu_translates_each_page_as_the_kernel_says(layout):
    check(layout, "64M")


@pytest.mark.deep
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mem", ["33M", "895M", "4G"])
def test_qemu_translates_each_page_as_the_kernel_says_on_larger_machines(layout, mem):
    check(layout, mem)


BLOCK_AND_PAGES = """
ffff000000200000 ffff0000003fffff 0000000040200000 L2 0060000000000701
ffff000000400000 ffff000000401fff 0000000051000000 L3 0060000000000703
"""
TRUTH = {0xffff_0000_0020_0000: 0x4020_0000, 0xffff_0000_0030_0000: 0x4030_0000,
         0xffff_0000_003f_f000: 0x403f_f000, 0xffff_0000_0040_0000: 0x5100_0000,
         0xffff_0000_0040_1000: 0x5100_1000}


def test_a_dump_that_tells_the_truth_differs_nowhere():
    asked = []
    assert differences(runs_of(BLOCK_AND_PAGES), lambda page: asked.append(page) or TRUTH.get(page)) == []
    assert set(asked) == {*TRUTH, 0xffff_0000_001f_f000, 0xffff_0000_0040_2000}


@pytest.mark.parametrize("right, wrong, pages", [
    ("0000000051000000", "0000000051001000", 2),  # another frame
    ("0000000040200000", "0000000040400000", 3),
    ("ffff000000401fff", "ffff000000400fff", 1),  # a page too few: it is said to be unmapped
    ("ffff000000401fff", "ffff000000402fff", 1),  # ... or too many
])
def test_a_dump_that_lies_differs(right, wrong, pages):
    assert len(differences(runs_of(BLOCK_AND_PAGES.replace(right, wrong)), TRUTH.get)) == pages
