# SPDX-License-Identifier: MIT
"""init=: a program as process 1, whose end is the machine's."""

import pytest

from machine import TEST_INITRAMFS, run_py


def first(init, **variables):
    return run_py(**{"init": init, "initrd": TEST_INITRAMFS, "timeout": 60, **variables})


@pytest.mark.parametrize("status", [0, 7, 255])
def test_its_status_is_the_machines(status):
    result = first(f"/bin/first {status}")
    assert "I am process 1 of session 1, with 1 arguments, PATH=/bin\n" in result.output
    assert result.status == status


def test_orphans_are_its_children():
    output = first("/bin/first").output
    assert sorted(line for line in output.splitlines() if line.startswith("a child ended")) == [
        "a child ended with status 4", "a child ended with status 5"]


def test_a_signal_that_ends_it_is_said_and_makes_the_status():
    result = first("/bin/first 'two words' 3")
    assert "init '/bin/first' was killed (SIGSEGV)" in result.output
    assert result.status == 128 + 11


@pytest.mark.parametrize("init, words", [
    ("/bin/none", "init '/bin/none' cannot run: not found"),
    ("/bin", "init '/bin' cannot run: "),
    ("first", "init 'first' cannot run: not found"),
    ("/bin/first 'open", "init= has an open quote"),
    ("/bin/first " + "x " * 17, "init= has more than 17 words"),
])
def test_one_that_cannot_run_gets_one_line(init, words):
    result = first(init)
    assert result.output.count("Meridian stops: ") == 1, result.output
    assert "Meridian stops: " + words in result.output
    assert result.status == 100


def test_without_an_initramfs_it_is_not_there():
    result = first("/bin/first", initrd="none")
    assert "Meridian stops: init '/bin/first' cannot run: not found" in result.output
    assert result.status == 100


def test_commands_come_before_it():
    result = first("/bin/first 3", run="help")
    assert "I am process" not in result.output and result.status == 0
