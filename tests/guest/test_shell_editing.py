# SPDX-License-Identifier: MIT
"""The shell as somebody at a terminal meets it: keys, history, completion, and keys that are none.

^A is not among them: on QEMU's terminal it begins a command to QEMU. The unit tests have it."""

import pytest

from machine import Session

UP, DOWN, LEFT, RIGHT, HOME, END, DELETE = "\x1b[A", "\x1b[B", "\x1b[D", "\x1b[C", "\x1b[H", "\x1b[F", "\x1b[3~"
ESR_HOLE = "data abort from"  # what `esr 0x96000004` answers, whatever else it says


@pytest.fixture(scope="module")
def shell():
    with Session() as session:
        yield session


def test_the_prompt_waits_after_the_boot(shell):
    assert "Meridian on" in shell.boot_log


@pytest.mark.parametrize("keys", [
    "esr 0x96000004",
    f"0x96000004{HOME}esr {END}",
    f"esx{LEFT}{DELETE}r 0x96000004",
    "nonsense\x15esr 0x96000004",
    "esr 0x96000004 too much\x17\x17",
    f"esr 0x96000004 garbage{LEFT * 7}\x0b",
    "es\x7f\x7fesq\x7fr 0x96000004",
    f"xesr 0x96000004{HOME}{DELETE}",
    "esr\x00\x05\x1b[99~\x1bZ\x1b[?25h\xc3\xa4 0x96000004",
    "an abandoned line\x03esr 0x96000004",
    "esr 0x96\x0c000004",
], ids=repr)
def test_a_line_is_what_the_keys_made_of_it(shell, keys):
    assert ESR_HOLE in run_line(shell, keys)


def run_line(shell, keys):
    """Types a line, and gives what comes before the next prompt that follows the line's end. Keys that
    print a prompt of their own (^C, ^L) need that one read first."""
    head, separator, tail = keys.partition("\x03") if "\x03" in keys else keys.partition("\x0c")
    shell.type(head + separator)
    if separator:
        shell.read_to_prompt()
    return shell.run(tail)


def test_a_line_comes_back_from_the_history(shell):
    shell.run("esr 0x96000004")
    shell.run("help esr")
    assert "esr VALUE" in shell.run(UP)
    assert ESR_HOLE in shell.run(UP + UP + DOWN + UP)


def test_a_command_is_completed(shell):
    assert "MemTotal:" in shell.run("memi\t")


def test_what_may_be_meant_is_listed(shell):
    shell.type("p\t")
    assert {"peek", "poke", "poweroff", "probe", "ptdump"} <= set(shell.read_to_prompt().split())
    shell.type("\x15")


def test_several_commands_stand_on_one_line(shell):
    output = shell.run("help esr; esr 0x96000004")
    assert "esr VALUE" in output and ESR_HOLE in output


def test_a_line_of_five_thousand_bytes_is_cut_with_a_bell(shell):
    shell.type("x" * 5000)
    output = shell.run("")
    assert "\a" in output or "no such command" in output
    assert ESR_HOLE in shell.run("esr 0x96000004")


def test_a_flood_of_bytes_without_meaning_leaves_a_working_shell(shell):
    noise = "".join(chr(byte) for byte in [2, *range(4, 9), 11, *range(14, 27), *range(28, 32), 127])
    shell.type(noise * 20 + "\x15")
    assert ESR_HOLE in run_line(shell, "\x03esr 0x96000004")
