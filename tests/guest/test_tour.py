# SPDX-License-Identifier: MIT
"""The tour is a test, too: it shows only what it has checked."""

import pytest

from machine import LAYOUTS, PROMPT, Session, boot


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mem", ["32M", "2G"])
def test_every_stop_of_the_tour_passes(layout, mem):
    result = boot("tour", layout=layout, mem=mem)
    assert result.status == 0, result.output


def test_every_stop_passes_where_the_linear_map_is_cut_short():
    result = boot("tour", append="linear=512M", mem="1G")
    assert result.status == 0, result.output


def test_make_run_shows_the_tour_and_leaves_the_person_in_the_shell():
    with Session(tour="yes") as shell:
        assert shell.boot_log.strip()
        assert "walk" in shell.run("help"), f"no answer at {PROMPT!r}"
