# SPDX-License-Identifier: MIT
"""Borrowing addresses by hand, on a machine with 256 MiB of HIGHMEM: frames 0x50000 to 0x5ffff."""

import re

from machine import boot

HIGHMEM = {"append": "linear=256M", "mem": "512M"}


def lent(output):
    """The addresses that kmap printed, by frame number."""
    return re.findall(r"^PFN 0x(?P<pfn>[0-9a-f]+), physical 0x0*(?P=pfn)000, is at (0x[0-9a-f]{16}) \(", output, re.MULTILINE)


def test_a_frame_is_lent_one_address_however_often():
    result = boot("kmap 0x50001", "kmap 0x50001", "kmap 0x50002", "kmapinfo", **HIGHMEM)
    assert result.status == 0, result.output
    (a, first), (b, again), (c, other) = lent(result.output)
    assert (a, b, c) == ("50001", "50001", "50002")
    assert first == again != other
    assert re.search(r"^in use +2$", result.output, re.MULTILINE)


def test_what_is_given_back_is_freed_lazily():
    result = boot("kmap 0x50001", "kmap 0x50001", "kunmap 0x50001", "kmapinfo", "kunmap 0x50001", "kmapinfo", **HIGHMEM)
    assert result.status == 0, result.output
    assert re.findall(r"^(?:in use|lazily freed) +(\d+)$", result.output, re.MULTILINE) == ["1", "0", "0", "1"]


def test_what_is_written_at_the_lent_address_is_in_the_frame():
    address = lent(boot("kmap 0x50001", **HIGHMEM).output)[0][1]
    result = boot("kmap 0x50001", f"poke {address} 0x1122334455667788 8", f"peek {address} 8", f"translate {address}",
                  **HIGHMEM)
    assert result.status == 0, result.output
    assert "88 77 66 55 44 33 22 11" in result.output
    assert re.search(r"^ +AT S1E1W +0x0000000050001000$", result.output, re.MULTILINE)


def test_a_frame_with_a_linear_address_has_that_one():
    result = boot("kmap 0x40400", "kmapinfo", **HIGHMEM)
    assert lent(result.output) == [("40400", "0xffff000000400000")]
    assert re.search(r"^in use +0$", result.output, re.MULTILINE)


def test_what_cannot_be_done_is_one_line():
    for command, complaint in {
        "kmap 5": "kmap: '5' is no frame of RAM",
        "kmap": "kmap: PFN is missing",
        "kmap 0x50001 2": "kmap: '2' is one argument too many",
        "kunmap 0x50001": "kunmap: PFN 0x50001 was not mapped by hand",
    }.items():
        result = boot(command, **HIGHMEM)
        assert result.status == 1
        assert result.output.splitlines()[-1].startswith(complaint), result.output
