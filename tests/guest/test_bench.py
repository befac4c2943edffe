# SPDX-License-Identifier: MIT
"""`bench` prints one line for each of its rows, and nothing here says how fast they are. The names are those
of the same loops inside Linux 6.1: whoever renames a row loses the comparison."""

import os
import re
import subprocess
import sys

import pytest

from machine import TOP, boot, environment

ROWS = """
alloc_pages.pair.order0 alloc_pages.pair.order1 alloc_pages.pair.order2 alloc_pages.pair.order3
alloc_pages.pair.order5 alloc_pages.pair.order9 alloc_pages.batch.order0 free_pages.batch.order0
kmalloc.pair.8 kmalloc.pair.64 kmalloc.pair.192 kmalloc.pair.256 kmalloc.pair.1024 kmalloc.pair.4096
kmalloc.pair.8192 kmalloc.pair.131072 kmalloc.batch.64 kfree.batch.64
vmalloc.pair.1p vmalloc.pair.4p vmalloc.pair.16p vmalloc.pair.64p vmalloc.pair.256p vmalloc.pair.1024p
vmalloc.batch.1p vfree.batch.1p vmap.pair.1p kmap_local.pair ioremap.pair virt_to_phys vmalloc_to_page.walk
fix_size_alloc_test full_fit_alloc_test long_busy_list_alloc_test random_size_alloc_test
fix_align_alloc_test random_size_align_alloc_test
""".split()


def rows_of(result):
    """[(name, operations, figure)] of the lines that begin with KBENCH; checks that each is whole."""
    lines = result.lines("KBENCH")
    whole = [re.fullmatch(r"KBENCH +(\S+) +(\d+) +(\d+\.\d)", line) for line in lines]
    assert all(whole), lines
    return [(row[1], int(row[2]), float(row[3])) for row in whole]


@pytest.fixture(scope="module")
def all_rows():
    result = boot("bench", icount=1)
    assert result.status == 0, result.output
    return rows_of(result)


def test_each_row_is_one_line_under_the_name_that_it_has_in_linux(all_rows):
    assert sorted(name for name, _, _ in all_rows) == sorted(ROWS)


def test_counted_instructions_are_never_none(all_rows):
    assert [row for row in all_rows if row[1] == 0 or row[2] == 0] == []


@pytest.mark.parametrize("prefix", ["virt_to_phys", "kmalloc.pair"])
def test_a_prefix_chooses_the_rows_that_begin_with_it(prefix):
    result = boot(f"bench {prefix}", icount=1)
    assert result.status == 0, result.output
    assert [name for name, _, _ in rows_of(result)] == [name for name in ROWS if name.startswith(prefix)]


def test_the_name_of_no_row_is_one_line_and_a_failure():
    result = boot("bench NOSUCH")
    assert result.status not in (0, 124), result.output
    assert result.lines("bench") == ["bench: 'NOSUCH' begins the name of no row; usage: bench [ROW]"]
    assert rows_of(result) == []


def table(row):
    """What `make bench` prints for the rows chosen, and its exit status."""
    done = subprocess.run([sys.executable, os.path.join(TOP, "tests/bench.py")], stdin=subprocess.DEVNULL,
                          env={**environment({}), "ROW": row}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", check=False)
    return done.returncode, done.stdout.splitlines()


def test_make_bench_prints_a_table():
    status, lines = table("alloc_pages.batch")
    assert status == 0, lines
    assert re.fullmatch(r"row +operations +instructions each +Linux 6\.1 +ratio", lines[0])
    assert re.fullmatch(r"alloc_pages\.batch\.order0 +4,096 +\d+\.\d *", lines[1])
    assert len(lines) == 2


def test_make_bench_fails_where_the_command_does():
    status, lines = table("NOSUCH")
    assert status not in (0, 124)
    assert any("begins the name of no row" in line for line in lines), lines
