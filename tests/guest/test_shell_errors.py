# SPDX-License-Identifier: MIT
"""Wrong words at the shell: one clear line for each, nothing changed, and the shell goes on."""

import pytest

from machine import TEST_IMAGE, Session, boot, holdings

# Each with what its one line must say.
WRONG = {
    "nonsense": "no such command",
    "Help": "no such command",
    "walk": "VA is missing; usage: walk VA",
    "walk here": "'here' is not an address",
    "walk 0x": "is not an address",
    "walk -1": "is not an address",
    "walk 0x10000000000000000": "is not an address",
    "walk 99999999999999999999999999999999999999": "is not an address",
    "walk 1 2": "'2' is one argument too many",
    "translate": "VA is missing",
    "layout now": "'now' is one argument too many",
    "ptdump both": "'both' is none of kernel, user and pid",
    "ptdump user kernel": "one argument too many",
    "esr": "VALUE is missing",
    "esr zero": "'zero' is not a number",
    "regs 1": "one argument too many",
    "meminfo -h": "one argument too many",
    "alloc everything": "'everything' is none of pages, kmalloc and vmalloc",
    "alloc pages": "ORDER is missing",
    "alloc pages 11": "'11' is too large",
    "alloc pages 0 attic": "'attic' is none of dma, normal and highmem",
    "alloc pages 0 highmem extra": "one argument too many",
    "alloc kmalloc 0": "bad range",
    "alloc kmalloc 131073": "too large",
    "alloc kmalloc 99999999T": "is not a size",
    "alloc vmalloc 0": "bad range",
    "alloc vmalloc 16777215T": "too large",
    "alloc vmalloc 1E": "is not a size",
    "free": "ADDRESS is missing",
    "free 0": "nothing that was allocated by hand",
    "free 0xffff000000000000": "nothing that was allocated by hand",
    "free 0xffff800008000000": "nothing that was allocated by hand",
    "peek 0": "translation fault",
    "peek 0x1000000000000 1": "translation fault at level 0",
    "peek 0xffff800008000000 4097": "'4097' is too large",
    "poke 0 0": "translation fault",
    "poke 0xffff800008000000 0": "permission fault",
    "poke 0xffff800008000000": "VALUE is missing",
    "poke 0xffff800008000000 1 3": "is none of 1, 2, 4 and 8",
    "poke 0xffff800008000000 1 0": "is none of 1, 2, 4 and 8",
    "poke 0xffff800008000000 256 1": "does not fit",
    "probe": "VA is missing",
    "probe 0 sideways": "'sideways' is out of place",
    "run": "PROGRAM is missing",
    "run nope": "no program '/bin/nope'",
    "run /": "no program '/'",
    "run /bin": "no program '/bin'",
    "help me": "'me' is not a command",
    "poweroff 256": "'256' is too large",
    "poweroff now": "'now' is not a number",
    "selftest": "no tests inside",
    "walk 'open": "a quote",
    "walk a'b'": "a quote",
}


@pytest.fixture(scope="module")
def shell():
    with Session() as session:
        yield session


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_gets_one_clear_line(shell, line):
    answer = shell.run(line).strip("\n").split("\n")
    assert len(answer) == 1, answer
    assert WRONG[line] in answer[0]


def test_wrong_lines_change_nothing():
    lines = [line for line in WRONG if "'" not in line and line != "selftest"]  # the test image has that
    before, after = holdings(boot("holdings", *lines, "holdings", kernel=TEST_IMAGE).output)
    assert before == after


@pytest.mark.parametrize("line", ["walk", "nonsense", "peek 0", "run nope", "walk 'x"])
def test_a_wrong_line_is_a_failure_of_the_run(line):
    assert boot(line, "help").status not in (0, 100, 101, 124)


def test_the_first_failure_gives_the_status():
    assert boot("help", "run quiet", "poke 0 0").status == 127
