# SPDX-License-Identifier: MIT
"""What the kernel ends with is what `make run` ends with."""

import pytest

from machine import Session, boot


def test_commands_that_succeed_end_with_0():
    assert boot("help").status == 0
    assert boot("help", "layout", "meminfo").status == 0


@pytest.mark.parametrize("commands", [("nonsense",), ("nonsense", "help"), ("help", "nonsense")], ids="; ".join)
def test_a_command_that_fails_ends_with_a_status_that_is_not_0(commands):
    result = boot(*commands)

    assert result.status not in (0, 124), result.output
    assert "nonsense" in result.output


def test_poweroff_at_the_prompt_ends_with_0():
    with Session() as shell:
        shell.type("poweroff\r")
        assert shell.finish() == 0
