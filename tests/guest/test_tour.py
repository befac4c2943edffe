# SPDX-License-Identifier: MIT
"""The tour is a test, too: it shows only what it has checked."""

from machine import PROMPT, Session, boot


def test_every_stop_of_the_tour_passes():
    result = boot("tour")
    assert result.status == 0, result.output


def test_make_run_shows_the_tour_and_leaves_the_person_in_the_shell():
    with Session(tour="yes") as shell:
        assert shell.boot_log.strip()
        assert "walk" in shell.run("help"), f"no answer at {PROMPT!r}"
