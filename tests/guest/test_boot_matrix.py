# SPDX-License-Identifier: MIT
"""The kernel boots on every machine it is meant for, finds its RAM, and leaves with status 0."""

import itertools
import os
import re

import pytest

from machine import INITRAMFS, LAYOUTS, boot

CPUS = ("cortex-a53", "cortex-a57", "cortex-a72", "cortex-a76", "neoverse-n1", "max")
FORTY_BITS = ("cortex-a53", "cortex-a76")  # cannot reach 1 TiB of RAM
SIZES = {"32M": 32, "33M": 33, "64M": 64, "128M": 128, "512M": 512, "895M": 895, "897M": 897, "1G": 1024,
         "3G": 3072, "4G": 4096, "16G": 16 << 10, "1T": 1 << 20}  # in MiB

# The fast part: every value of every variable, and every pair of CPU and level; not every combination.
FAST = [(cpu, 2 + index % 2, level, "512M")
        for index, (cpu, level) in enumerate(itertools.product(CPUS, (1, 2)))]
FAST += [("neoverse-n1", 3, 1, "32M"), ("cortex-a72", 2, 2, "32M"), ("cortex-a53", 2, 1, "128M"),
         ("max", 3, 2, "16G"), ("neoverse-n1", 3, 1, "1T")]

# The other layouts: the largest and the smallest machine, and both sides of 896 MiB.
FAST_LAYOUTS = [(layout, cpu, 1 + index % 2, mem)
                for layout in LAYOUTS if layout != "arm64"
                for index, (cpu, mem) in enumerate([("cortex-a53", "32M"), ("cortex-a72", "895M"),
                                                    ("cortex-a76", "897M"), ("max", "4G")])]
DEEP_LAYOUTS = [machine for machine in itertools.product(LAYOUTS, CPUS, (1, 2), SIZES)
                if machine not in FAST_LAYOUTS and machine[0] != "arm64" and machine[3] != "1T"]

DEEP = [machine for machine in itertools.product(CPUS, (2, 3), (1, 2), SIZES)
        if machine not in FAST and not (machine[3] == "1T" and machine[0] in FORTY_BITS)]


def check_boot(cpu, gic, level, mem, **others):
    result = boot("meminfo", cpu=cpu, gic=gic, el=level, mem=mem, **others)

    assert result.status == 0, result.output
    total = re.search(r"^MemTotal: +(\d+) kB$", result.output, re.MULTILINE)
    assert total, result.output
    # What the image, the initramfs and the frame table take is not in the total; RAM that is not there must not be.
    archive = os.path.getsize(INITRAMFS) / 1024**2
    assert SIZES[mem] * 0.8 - archive <= int(total[1]) / 1024 <= SIZES[mem], result.output


@pytest.mark.parametrize("cpu, gic, level, mem", FAST)
def test_boots(cpu, gic, level, mem):
    check_boot(cpu, gic, level, mem)


@pytest.mark.parametrize("layout, cpu, level, mem", FAST_LAYOUTS)
def test_boots_under_each_layout(layout, cpu, level, mem):
    check_boot(cpu, 3, level, mem, layout=layout)


def test_ram_that_i386_cannot_describe_is_left_out():
    result = boot("meminfo", layout="i386", mem="1T", cpu="max")
    assert result.status == 0, result.output
    assert "of RAM are left out: layout i386 has no frame table for them" in result.output


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("cpu, seed", [("cortex-a53", 1), ("neoverse-n1", 2), ("max", 3)])
def test_boots_when_ram_is_full_of_garbage(cpu, level, seed):
    check_boot(cpu, 3, level, "512M", poison=seed)


@pytest.mark.deep
@pytest.mark.parametrize("cpu, gic, level, mem", DEEP)
def test_boots_on_all_the_others(cpu, gic, level, mem):
    check_boot(cpu, gic, level, mem)


@pytest.mark.deep
@pytest.mark.parametrize("layout, cpu, level, mem", DEEP_LAYOUTS)
def test_boots_under_each_layout_on_all_the_others(layout, cpu, level, mem):
    check_boot(cpu, 2, level, mem, layout=layout)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(10, 20))
@pytest.mark.parametrize("cpu, level", itertools.product(CPUS, (1, 2)))
def test_boots_in_much_garbage(cpu, level, seed):
    check_boot(cpu, 2, level, "128M", poison=seed)
