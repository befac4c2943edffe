# SPDX-License-Identifier: MIT
"""Faults explain themselves: whatever ends the kernel, the report says in words what happened, where
the address lies, how the walk ended and how the code came there, and the run ends as a failure."""

import re

import pytest

from machine import boot

PANIC_STATUS = 101

# What each kind of `crash` must say. The first is the headline.
REPORTS = {
    "overflow": [
        r"==== Meridian stops: kernel stack overflow: write at 0x[0-9a-f]{16}: translation fault at level 3",
        r"address   0x[0-9a-f]{16} in the high half \(TTBR1\), .*right below the stack, which ran over",
        r"stops at L3: nothing is mapped there",
        r"at        0x[0-9a-f]{16} recurse\+0x[0-9a-f]+: instruction [0-9a-f]{8}",
        r"^    0x[0-9a-f]{16} recurse\+0x[0-9a-f]+ \(\d+ times\)$",
    ],
    "null": [
        r"==== Meridian stops: fault in the kernel: write at 0x0000000000000010: translation fault at level 0",
        r"ESR 0x96000044: data abort from the same level: write: translation fault at level 0",
        r"address   0x0000000000000010 in the low half \(TTBR0\), region \"user \(TTBR0\)\": a null pointer",
        r"walk      TTBR0 = 0x[0-9a-f]{16}",
        r"L0\[0\] 0x0000000000000000 invalid",
        r"the tables do not allow this write",
    ],
    "hole": [
        r"==== Meridian stops: fault in the kernel: write at 0x0001000000000000: translation fault at level 0",
        r"in the hole between the halves: bits 63 to 48 are neither all 0 nor all 1",
        r"walk      none: the top bits alone make the address invalid",
    ],
    "wx": [
        r"==== Meridian stops: fault in the kernel: write at 0xffff[0-9a-f]{12}: permission fault at level \d",
        r"in the kernel's text",
        r"L3\[\d+\] 0x[0-9a-f]{16} page .*, EL1 r-x, EL0 ---",
        r"the tables do not allow this write",
    ],
    "nx": [
        r"==== Meridian stops: fault in the kernel: execute at 0xffff[0-9a-f]{12}: permission fault at level \d",
        r"instruction abort from the same level: fetch: permission fault",
        r"in the kernel's data",
        r"EL1 rw-, EL0 ---",
    ],
    "ud": [
        r"==== Meridian stops: fault in the kernel: unknown reason \(an undefined instruction",
        r"at        0x[0-9a-f]{16} execute_undefined_instruction\+0x8: instruction 00000000",
    ],
    "brk": [
        r"==== Meridian stops: fault in the kernel: BRK: comment 0x3e8: __builtin_trap\(\) of GCC",
        r"instruction d4207d00",
    ],
    "check": [
        r"==== Meridian stops: CHECK\(answer == 42\) failed at kernel/shell/cmd_crash.cc:\d+",
    ],
}


@pytest.mark.parametrize("cpu", ["cortex-a53", "max"])
@pytest.mark.parametrize("kind", REPORTS)
def test_a_crash_reports_itself(kind, cpu):
    result = boot(f"crash {kind}", cpu=cpu)

    assert result.status == PANIC_STATUS, result.output
    for line in REPORTS[kind]:
        assert re.search(line, result.output, re.MULTILINE), f"no line like {line} in\n{result.output}"
    assert "panic inside" not in result.output


@pytest.mark.parametrize("kind", REPORTS)
def test_the_backtrace_leads_from_the_crash_to_the_boot(kind):
    """Through the exception, by names, down to the first function of all."""
    output = boot(f"crash {kind}").output
    frames = re.findall(r"^    0x[0-9a-f]{16} ([\w:~<>, ]+)\+0x", output, re.MULTILINE)

    assert "cmd_crash" in frames, output
    assert frames.index("cmd_crash") < frames.index("Shell::run_line") < frames.index("kernel_main"), output


def test_registers_are_printed_once_and_whole():
    output = boot("crash null").output

    for number in range(31):
        assert len(re.findall(rf"\bx{number} +[0-9a-f]{{16}}\b", output)) == 1, output
    assert re.search(r"sp  [0-9a-f]{16}", output)
    assert re.search(r"spsr [0-9a-f]{8} \(EL1h, ", output)


def test_nothing_is_reported_for_an_unknown_kind():
    result = boot("crash gently")

    assert result.status not in (0, PANIC_STATUS)
    assert "Meridian stops" not in result.output
