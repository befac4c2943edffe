# SPDX-License-Identifier: MIT
"""The litmus tests' own tools: a drift between code and tests is seen, and so is a twin that shows nothing."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from make import make

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(TOP, "tests/litmus")
BUILD = os.path.join(TOP, os.environ.get("BUILD") or "build")
sys.path.append(FOLDER)  # behind tests/, which has a run.py too

import check_sequences  # noqa: E402
from litmus import LitmusTest, all_tests  # noqa: E402


@pytest.fixture(name="objects", scope="module")
def objects_fixture():
    make("check-litmus")
    return os.path.join(BUILD, "kernel/obj")


def drifts(objects, tests):
    return "\n".join(check_sequences.check_sequences(objects, tests))


@pytest.fixture(name="tests")
def tests_fixture(tmp_path):
    folder = tmp_path / "litmus"
    shutil.copytree(FOLDER, folder)
    return folder


def edit(path, before, after, in_code=True):
    """Replaces the first `before` in the threads' code, or in the head."""
    head, line, code = path.read_text(encoding="utf-8").partition("\nP0")
    if in_code:
        assert before in code
        code = code.replace(before, after, 1)
    else:
        assert before in head
        head = head.replace(before, after, 1)
    path.write_text(head + line + code, encoding="utf-8")


def test_code_and_tests_agree(objects):
    assert drifts(objects, FOLDER) == ""


@pytest.mark.parametrize("test, before, after", [
    ("publish", "ISB  ", "NOP  "),
    ("publish", "DSB ISHST", "DSB ISH  "),
    ("unmap-user-page", "DSB ISH ", "DSB NSH "),
    ("change-code", "DC CVAU,X1 ", "NOP        "),
    ("flush-own", "| DSB ISH ", "| DSB ISHST "),
    ("link-table", "STLR X2,[X0]", "STR X2,[X0]"),
])
def test_a_test_that_is_not_the_codes_is_seen(objects, tests, test, before, after):
    edit(tests / f"{test}.litmus", before, after)
    assert test in drifts(objects, tests)


def test_a_tlbi_that_no_test_has_is_seen(objects, tests):
    edit(tests / "unmap-kernel-page.litmus", "TLBI VAALE1IS,X9 -> TLBI VAAE1IS,X9; ", "", in_code=False)
    assert "unmap-kernel-page" in drifts(objects, tests)


def test_a_sequence_without_a_test_is_seen(objects, tests):
    os.remove(tests / "new-asid.litmus")
    assert "no litmus test is about announce_asid" in drifts(objects, tests)


def assembled(tmp_path, code):
    source, made = tmp_path / "code.S", tmp_path / "code.o"
    source.write_text(".globl f\nf:\n" + code + "\n", encoding="utf-8")
    subprocess.run([os.environ.get("CROSS", "aarch64-linux-gnu-") + "gcc", "-c", "-o", made, source], check=True)
    return check_sequences.instructions(made)["f"]


UNMAP = {("str", "dsb ishst", "tlbi vaale1is", "dsb ish", "isb")}


@pytest.mark.parametrize("code, agrees", [
    ("str xzr, [x0]\ndsb ishst\ntlbi vaale1is, x1\ndsb ish\nisb\nret", True),
    ("str xzr, [x0]\ntlbi vaale1is, x1\ndsb ish\nisb\nret", False),
    ("dsb ishst\nstr xzr, [x0]\ntlbi vaale1is, x1\ndsb ish\nisb\nret", False),
    # A way around the last barrier is a sequence of its own only if it does something else.
    ("str xzr, [x0]\ndsb ishst\n1: tlbi vaale1is, x1\nsubs x2, x2, #1\nb.ne 1b\ndsb ish\nisb\nret", True),
    ("str xzr, [x0]\ndsb ishst\ncbz x2, 1f\ntlbi vaale1is, x1\ndsb ish\nisb\nret\n1: tlbi vaale1, x1\ndsb ish\nisb\nret", False),
])
def test_every_path_counts(tmp_path, code, agrees):
    assert (check_sequences.compare("f", assembled(tmp_path, code), UNMAP) == []) == agrees


@pytest.mark.parametrize("source, count", [
    ("hw::dsb_ish();  // hw::isb()\n", 1), ("inline void isb() { asm volatile(\"isb\"); }", 1),
    ("tlb.invalidate(va); arch::tlbi_operand(va);", 0), ("hw::tlbi_vae1is(va, asid); hw::isb();", 2)])
def test_uses_are_counted(source, count):
    assert check_sequences.count_uses(source, False) == count


def test_twins_differ_in_one_instruction():
    for test in all_tests():
        twins = [text for text, _ in test.twins()]
        assert twins and len(set(twins)) == len(twins)
        for text in twins:
            changed = [pair for pair in zip(*(sum(LitmusTest(each).threads, []) for each in (test.text, text)))
                       if pair[0] != pair[1]]
            assert len(changed) == 1 or "ETS2" in test.head and not changed


# What herd7 prints, by what the test's text says.
HERD = """#!/bin/sh
if grep -q '^L0:\\|L0: ' "$1" && grep -q "$SEEN" "$1"; then word=Never; else word=Sometimes; fi
echo "Observation x $word 0 1"
"""


def run_with(tmp_path, seen, test):
    herd = tmp_path / "herd7"
    herd.write_text(HERD, encoding="utf-8")
    herd.chmod(0o755)
    done = subprocess.run([sys.executable, os.path.join(FOLDER, "run.py"), test], check=False, encoding="utf-8",
                          env={**os.environ, "HERD7": str(herd), "SEEN": seen}, stdout=subprocess.PIPE)
    return done.returncode, done.stdout


def test_a_twin_that_is_not_observed_fails(tmp_path):
    status, said = run_with(tmp_path, "DSB ISHST", "publish")  # also without the ISB: Never
    assert status == 1 and "publish without ISB should be observed" in said


def test_an_outcome_that_is_observed_fails(tmp_path):
    status, said = run_with(tmp_path, "nothing", "publish")
    assert status == 1 and "publish should never be observed" in said


def test_without_herd7_it_is_skipped_and_says_how_to_get_it():
    done = subprocess.run([sys.executable, os.path.join(FOLDER, "run.py")], check=False, encoding="utf-8",
                          env={**os.environ, "HERD7": "no-such-herd7"}, stdout=subprocess.PIPE)
    assert done.returncode == 77 and re.search("SKIP.*herd7", done.stdout) and "apt-get download" in done.stdout
