# SPDX-License-Identifier: MIT
"""Processes as the shell shows them: ps, kill, maps, pages, /proc, and programs in the background."""

import re

import pytest

from machine import LAYOUTS, boot

MAPS_LINE = r"^[0-9a-f]{8,}-[0-9a-f]{8,} [r-][w-][x-][ps] [0-9a-f]{8,} [0-9a-f]{2}:[0-9a-f]{2} \d+ .*$"


def asleep(*commands, **variables):
    """Process 2 sleeps while the commands run."""
    return boot("run doze 1000 &", "run doze 1", *commands, **variables)


def test_a_program_runs_in_the_background_until_it_is_killed():
    result = asleep("ps", "kill 2", "run doze 1", "ps")
    first, second = result.output.split("doze runs as process 2")[1].split("doze exited with status 0")[1:]
    assert re.search(r"^    2     0  sleeping +0 +\d+K +[1-9]\d*K +\d+\.\d\d  doze$", first, re.MULTILINE), first
    assert "doze" not in second
    assert result.status == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_maps_are_linuxs(layout):
    result = asleep("maps 2", "cat /proc/2/maps", layout=layout)
    lines = re.findall(MAPS_LINE, result.output, re.MULTILINE)
    half = len(lines) // 2
    assert half >= 6 and lines[:half] == lines[half:], "the command and the file say the same"
    named = [line for line in lines[:half] if len(line) > 73]
    assert [line[73:] for line in named] == ["/bin/doze"] * (len(named) - 3) + ["[heap]", "[vdso]", "[stack]"]
    assert all(line.endswith(" ") for line in lines[:half] if line not in named)
    starts = [int(line.split("-")[0], 16) for line in lines[:half]]
    assert starts == sorted(starts)


def test_a_program_reads_what_is_said_of_it():
    result = boot("run maps", "cat /sys/devices/system/cpu/online", "cat /etc/passwd", cpus=2)
    lines = re.findall(MAPS_LINE, result.output, re.MULTILINE)
    assert lines and lines[0][73:] == "/bin/maps" and lines[-1][73:] == "[stack]"
    assert "\n0-1\n" in result.output and "\nroot:x:0:0:" in result.output


def kilobytes(name, text):
    return [int(size) for size in re.findall(rf"^{name}: +(\d+) kB$", text, re.MULTILINE)]


def test_the_files_of_a_process_agree():
    smaps, status, statm, stat = (asleep(f"cat /proc/2/{name}").output for name in
                                  ("smaps", "status", "statm", "stat"))
    resident, = kilobytes("VmRSS", status.replace("\t", " "))
    size, = kilobytes("VmSize", status.replace("\t", " "))
    assert sum(kilobytes("Rss", smaps)) == resident and sum(kilobytes("Size", smaps)) == size
    pages = re.search(r"^(\d+) (\d+) \d+ \d+ 0 \d+ 0$", statm, re.MULTILINE)
    assert (int(pages[1]) * 4, int(pages[2]) * 4) == (size, resident)
    fields = re.search(r"^2 \(doze\) S 0 2 2 0 -1 .*$", stat, re.MULTILINE)[0].split()
    assert len(fields) == 52 and int(fields[22]) == size << 10 and int(fields[23]) * 4 == resident
    assert "State:\tS (sleeping)" in status and "PPid:\t0" in status


def test_a_processs_links_and_texts():
    result = asleep("ls /proc/2", "ls /proc/2/fd", "ls /proc/2/task", "cat /proc/2/comm", "cat /proc/2/limits",
                    "cat /proc/self/comm", "cat /proc/9/comm")
    assert "exe -> /bin/doze\n" in result.output and "cwd -> /\n" in result.output
    assert re.findall(r"(\d) -> /dev/console$", result.output, re.MULTILINE) == ["0", "1", "2"]
    assert re.search(r"^d\S+ +2 +0 2$", result.output, re.MULTILINE), "its one thread"
    assert "\ndoze\n" in result.output
    assert "Max open files            1024                 4096                 files     \n" in result.output
    assert result.output.count("not found") == 2, "the shell is no process, and there is none of number 9"


def test_pages_of_a_process_can_be_walked_from_outside():
    result = asleep("pages 2 0x400000", "walk 0x400000 pid 2", "translate 0x400000 pid 2", "ptdump pid 2")
    frame = int(re.search(r"^0x0+400000  PFN ([0-9a-f]+)  ro  page cache", result.output, re.MULTILINE)[1], 16)
    assert re.search(rf"^L3\[  0\] \w+ page {frame << 12:#018x}, EL1 r--, EL0 r-x", result.output, re.MULTILINE)
    assert f"tables    {frame << 12:#018x}  (4K leaf; write no, execute yes, user yes)" in result.output
    assert f"AT S1E0R  {frame << 12:#018x}" in result.output
    assert re.search(r"^0x0000000000400000-0x\w{16} +\w+ PTE   USR ro NX", result.output, re.MULTILINE)


def test_wrong_arguments_get_one_line():
    result = asleep("kill 9", "maps x", "pages 2", "walk 0 pid 9", "ptdump pid 9", "kill 2 65", "kill 2 0")
    for line in ("kill: '9' is no process that runs", "maps: 'x' is not a number", "walk: '9' is no process that runs",
                 "ptdump: '9' is no process that runs", "kill: '65' is too large; usage",
                 "kill: '0' is no signal"):
        assert line in result.output, result.output
