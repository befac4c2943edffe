# SPDX-License-Identifier: MIT
"""geometry: which page sizes a CPU offers, and the layout that follows from each of Linux's choices."""

import re

import pytest

from machine import boot

# Linux 6.1's headers, compiled for each configuration: where the linear map, vmalloc and the frame table begin.
LINUX = {
    ("4K", "39"): ("L1-L3 9+9+9", "ffffff8000000000 256G", "ffffffc008000000", "fffffffe00000000 4G"),
    ("4K", "48"): ("L0-L3 9+9+9+9", "ffff000000000000 128T", "ffff800008000000", "fffffc0000000000 2T"),
    ("16K", "36"): ("L2-L3 11+11", "fffffff000000000 32G", "fffffff808000000", "fffffffff0000000 128M"),
    ("16K", "47"): ("L1-L3 11+11+11", "ffff800000000000 64T", "ffffc00008000000", "ffffff8000000000 256G"),
    ("16K", "48"): ("L0-L3 1+11+11+11", "ffff000000000000 128T", "ffff800008000000", "ffffff0000000000 512G"),
    ("64K", "42"): ("L2-L3 13+13", "fffffc0000000000 2T", "fffffe0008000000", "ffffffff00000000 2G"),
    ("64K", "48"): ("L1-L3 6+13+13", "ffff000000000000 128T", "ffff800008000000", "ffffffc000000000 128G"),
    ("64K", "52"): ("L1-L3 10+13+13", "fff0000000000000 3.875P", "ffff800008000000", "fffffc0000000000 3.875T"),
}
NOT_16K = {("16K", "36"), ("16K", "47"), ("16K", "48")}
NOT_52 = {("64K", "52")}


def geometry(**variables):
    result = boot("geometry", **variables)
    assert result.status == 0, result.output
    return result.output


@pytest.mark.parametrize("cpu, missing, k4, k16", [
    ("cortex-a53", NOT_16K | NOT_52, "yes; VA 25..48 bits, up to 4 levels, PA 40 bits", "no"),
    ("cortex-a72", NOT_16K | NOT_52, "yes; VA 25..48 bits, up to 4 levels, PA 44 bits", "no"),
    ("a64fx", NOT_16K | NOT_52, "yes; VA 25..48 bits, up to 4 levels, PA 40 bits", "no"),
    ("neoverse-n1", NOT_52, "yes; VA 25..48 bits, up to 4 levels, PA 48 bits",
     "yes; VA 25..48 bits, up to 4 levels, PA 48 bits"),
    ("max", set(), "yes, also with 52-bit addresses (LPA2); VA 16..52 bits, up to 5 levels, PA 52 bits",
     "yes, also with 52-bit addresses (LPA2); VA 16..52 bits, up to 4 levels, PA 52 bits"),
])
def test_each_cpu_offers_what_its_registers_say(cpu, missing, k4, k16):
    output = geometry(cpu=cpu)
    assert f" 4K pages: {k4}\n" in output
    assert f"16K pages: {k16}\n" in output
    for (page, bits), (levels, linear, vmalloc, frames) in LINUX.items():
        (line,) = re.findall(rf"^[* ] +{page} {bits} (.*)$", output, re.MULTILINE)
        expected = [levels, "not on this CPU"] if (page, bits) in missing else [levels, linear, vmalloc, frames]
        assert line.split() == " ".join(expected).split()


@pytest.mark.parametrize("layout, marked, low, high", [
    ("arm64", "4K 48", "48 bits, L0-L3 9+9+9+9", "48 bits, L0-L3 9+9+9+9"),
    ("arm64-39", "4K 39", "39 bits, L1-L3 9+9+9", "39 bits, L1-L3 9+9+9"),
    ("x86-64", None, "47 bits, L0-L3 8+9+9+9", "47 bits, L0-L3 8+9+9+9"),
    ("i386", None, "32 bits, L1-L3 2+9+9", "30 bits, L2-L3 9+9"),
])
def test_what_runs_now_is_marked(layout, marked, low, high):
    output = geometry(layout=layout)
    stars = [" ".join(line.split()[1:3]) for line in re.findall(r"^\*.*", output, re.MULTILINE)]
    assert stars == ([marked] if marked else [])
    assert f"low half (TTBR0): 4K pages, {low}\n" in output
    assert f"high half (TTBR1): 4K pages, {high}\n" in output
