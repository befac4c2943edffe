# SPDX-License-Identifier: MIT
"""Several CPUs, seen from outside: all of them come up on every machine, one that does not is said in a
line, and a stop on any of them is the whole machine's."""

import copy
import re
import struct
import time

import pytest

from device_tree import boot_with, build, qemu_tree
from machine import LAYOUTS, Session, boot

PANIC_STATUS = 101


def listed(output):
    """The rows of `cpus`: {index: MPIDR affinity}."""
    rows = re.findall(r"^ *(\d)  (0x[0-9a-f]{16}) running ", output, re.MULTILINE)
    return {int(index): int(affinity, 16) for index, affinity in rows}


@pytest.mark.parametrize("layout, gic, level, cpus", [
    ("arm64", 3, 1, 4), ("arm64", 2, 2, 8), ("arm64-39", 3, 2, 2), ("x86-64", 2, 1, 4),
    ("i386", 3, 2, 8), ("i386-6.1", 2, 1, 3)])
def test_all_cpus_come_up(layout, gic, level, cpus):
    result = boot(f"on {cpus - 1} cpus", layout=layout, gic=gic, el=level, cpus=cpus)
    assert result.status == 0, result.output
    assert listed(result.output) == {index: index for index in range(cpus)}, result.output


@pytest.mark.deep
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("gic", [2, 3])
@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a76", "max"])
def test_all_cpus_come_up_everywhere(layout, gic, level, cpu):
    result = boot("on 7 cpus", layout=layout, gic=gic, el=level, cpu=cpu, cpus=8)
    assert len(listed(result.output)) == 8, result.output


def test_more_cpus_than_the_kernel_runs_on_are_left_alone():
    result = boot("cpus", gic=3, qemu_args="-smp 11")
    assert result.status == 0 and len(listed(result.output)) == 8, result.output
    assert "3 more than the 8 that this kernel runs on: left alone" in result.output
    assert "8 of 11 run" in result.output


def test_a_cpu_that_is_not_there_is_one_line():
    """The tree names a second CPU, and the firmware knows none."""
    tree = qemu_tree()
    cpus = tree.find("cpus")
    ghost = copy.deepcopy(cpus.find("cpu@0"))
    ghost.name = "cpu@5"
    ghost.properties["reg"] = struct.pack(">I", 5)
    ghost.properties.pop("phandle", None)
    cpus.children.append(ghost)
    result = boot_with(build(tree))
    assert result.status == 0, result.output
    assert len(re.findall(r"CPU 0x5 does not come up: .*; left alone", result.output)) == 1, result.output


@pytest.mark.parametrize("cpu", [1, 3])
def test_a_stack_overflow_on_another_cpu_reports_itself(cpu):
    result = boot(f"on {cpu} crash overflow", cpus=4)
    assert result.status == PANIC_STATUS, result.output
    assert "==== Meridian stops: kernel stack overflow: write at" in result.output
    assert re.search(rf"^  CPU       {cpu}$", result.output, re.MULTILINE), result.output
    assert "right below the stack, which ran over" in result.output
    assert "panic inside" not in result.output


def test_a_failed_check_names_its_cpu():
    result = boot("on 2 crash check", cpus=4)
    assert result.status == PANIC_STATUS, result.output
    assert "on CPU 2, by way of" in result.output


def test_a_command_runs_on_the_cpu_that_is_asked_for():
    output = boot("on 2 ps", cpus=3).output
    assert re.search(r"running +2 yes +\d+  on$", output, re.MULTILINE), output
    result = boot("on 3 ps", cpus=3)
    assert result.status != 0 and "is no CPU that runs" in result.output


def test_while_nobody_types_every_cpu_idles():
    def idle_microseconds(output):
        return [int(time) for time in re.findall(r"^ *\d+  \w+ +\d yes +(\d+)  idle/", output, re.MULTILINE)]

    with Session(cpus=2) as shell:
        before = idle_microseconds(shell.run("ps"))
        time.sleep(1)
        after = idle_microseconds(shell.run("ps"))
    assert len(before) == 2
    for earlier, later in zip(before, after):
        assert later - earlier >= 500_000, (before, after)
