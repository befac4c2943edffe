# SPDX-License-Identifier: MIT
"""layout= and linear= on the command line: what they choose, and what a wrong value leads to."""

import re

import pytest

from machine import LAYOUTS, boot


def about(result, word):
    """The boot's lines that begin with a word."""
    return [line for line in result.output.splitlines() if line.startswith(word)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_that_was_asked_for_runs(layout):
    result = boot("layout", layout=layout)
    assert result.status == 0
    assert re.search(rf"^layout {re.escape(layout)}: ", result.output, re.MULTILINE)
    assert not about(result, "command line:")


@pytest.mark.parametrize("layout", ["foo", "ARM64", "i386-7", "x86", "arm64-390", "x" * 40])
def test_an_unknown_layout_gets_one_line_and_the_default(layout):
    result = boot("layout", layout=layout)
    assert result.status == 0
    assert about(result, "command line:") == [
        f"command line: layout='{layout}' is not a layout of this kernel; the default is used"]
    assert re.search("^layout arm64: ", result.output, re.MULTILINE)


@pytest.mark.parametrize("value", ["0", "", "-5", "much", "1E"])
def test_a_linear_map_that_is_no_size_gets_one_line_and_the_whole_map(value):
    result = boot("help", append=f"linear={value}")
    assert result.status == 0
    assert about(result, "command line:") == [
        f"command line: linear='{value}' is not a size; the default is used"]
    assert "512M of addresses rw-" in about(result, "linear ")[-1]


@pytest.mark.parametrize("variables, value, size, line", [
    ({}, "64G", "512M", "linear=64G is no less than what is mapped anyway: ignored"),
    ({}, "512M", "512M", "linear=512M is no less than what is mapped anyway: ignored"),
    ({}, "1M", "512M", "linear=1M leaves no room for the kernel: ignored"),
    ({}, "15M", "512M", "linear=15M leaves no room for the kernel: ignored"),
    ({}, "65537K", "64M", "linear=65537K is rounded down to whole blocks: 64M"),
    ({"layout": "i386", "mem": "2G"}, "900M", "896M", "linear=900M is no less than what is mapped anyway: ignored"),
    ({"layout": "i386", "mem": "2G"}, "1M", "896M", "linear=1M leaves no room for the kernel: ignored"),
])
def test_a_linear_map_that_cannot_be_gets_one_line(variables, value, size, line):
    result = boot("help", append=f"linear={value}", **variables)
    assert result.status == 0
    lines = about(result, "linear ")
    assert [text for text in lines if "linear=" in text] == [f"linear    {line}"]
    assert f"{size} of addresses rw-" in lines[-1]


def test_a_linear_map_of_whole_blocks_is_made_as_asked():
    result = boot("help", append="linear=64M")
    assert not [text for text in about(result, "linear ") if "linear=" in text]
    assert "64M of addresses rw-" in about(result, "linear ")[-1]
