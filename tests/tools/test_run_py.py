# SPDX-License-Identifier: MIT
"""qemu/run.py: what it refuses, what it asks of QEMU, and how a run ends. None of it needs the
kernel: what must be started is a few instructions of its own (toy.S)."""

import os
import shlex
import subprocess

import pexpect
import pytest

from machine import RUN_PY, TOP, environment, run_py

CROSS = os.environ.get("CROSS", "aarch64-linux-gnu-")


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """toy(defines...) is the path of an Image that does what toy.S says."""
    folder = tmp_path_factory.mktemp("toy")
    source = os.path.join(TOP, "tests/tools/toy.S")

    def build(*defines):
        image = str(folder / ("toy" + "".join(defines)))
        flags = [f"-D{define}" for define in defines]
        subprocess.run([CROSS + "gcc", "-nostdlib", *flags, "-c", source, "-o", image + ".o"], check=True)
        subprocess.run([CROSS + "objcopy", "-O", "binary", "-j", ".text", image + ".o", image], check=True)
        return image

    return build


IMPOSSIBLE = [
    ({"mem": "12Q"}, "12Q is not a size"),
    ({"mem": "M"}, "M is not a size"),
    ({"mem": "-1"}, "-1 is not a size"),
    ({"mem": "1.5G"}, "1.5G is not a size"),
    ({"mem": "0x1000M"}, "not a size"),
    ({"mem": "18446744073709551616"}, "not a size"),
    ({"mem": "999999999999999T"}, "32T at most"),
    ({"mem": "0"}, "too small: at least 16M"),
    ({"mem": "15M"}, "too small: at least 16M"),
    ({"mem": "1T", "cpu": "cortex-a53"}, "cortex-a53 takes 1023G at most (40 bits of address)"),
    ({"mem": "1T", "cpu": "cortex-a76"}, "cortex-a76 takes 1023G at most (40 bits of address)"),
    ({"mem": "16T", "cpu": "cortex-a57"}, "cortex-a57 takes 16383G at most (44 bits of address)"),
    ({"mem": "33T"}, "neoverse-n1 takes 32T at most"),
    ({"mem": "33T", "cpu": "max"}, "max takes 32T at most"),
    ({"cpu": "cortex-a15"}, "CPU=cortex-a15 is not one of"),
    ({"cpu": "pentium"}, "CPU=pentium is not one of"),
    ({"cpus": "0"}, "CPUS=0: it is 1 to 8"),
    ({"cpus": "9"}, "CPUS=9: it is 1 to 8"),
    ({"cpus": "two"}, "CPUS=two is not a number"),
    ({"gic": "4"}, "GIC=4: it is 2 or 3"),
    ({"el": "3"}, "EL=3: it is 1 or 2"),
    ({"kernel": "/nowhere/Image"}, "KERNEL=/nowhere/Image: no such file"),
    ({"kernel": __file__}, "test_run_py.py is neither an arm64 Image nor an ELF file"),
    ({"initrd": "/nowhere/cpio"}, "INITRD=/nowhere/cpio: no such file"),
    ({"dtb": "/nowhere/dtb"}, "DTB=/nowhere/dtb: no such file"),
    ({"dtb": "/"}, "DTB=/: no such file"),
    ({"run": 'echo "hello"'}, "RUN may not contain a double quote"),
    ({"timeout": "soon"}, "TIMEOUT=soon is not a number"),
    ({"qemu": "/nowhere/qemu"}, "/nowhere/qemu is not installed"),
]


@pytest.mark.parametrize("variables, complaint", IMPOSSIBLE, ids=lambda value: str(value)[:60])
def test_an_impossible_machine_gets_one_line_and_status_2(toy, variables, complaint):
    result = run_py(**{"kernel": toy("STATUS=0"), "run": "help", **variables})

    assert result.status == 2
    assert complaint in result.output
    assert result.output.count("\n") == 1 and result.output.startswith("run.py: ")


def test_an_initramfs_must_fit_behind_the_middle_of_ram(toy, tmp_path):
    """126M do with 256M, and leave room for the device tree; one more page does not."""
    archive = tmp_path / "archive"
    archive.touch()
    for size, status in ((126 << 20, 0), ((126 << 20) + 4096, 2)):
        os.truncate(archive, size)
        result = run_py(kernel=toy("STATUS=0"), run="x", initrd=archive, mem="256M", timeout=60)
        assert result.status == status, result.output
    assert result.output.startswith("run.py: MEM=256M is too small for ") and result.output.count("\n") == 1


@pytest.mark.parametrize("status", [0, 1, 42])
def test_the_kernels_exit_status_is_the_runs(toy, status):
    assert run_py(kernel=toy(f"STATUS={status}"), run="x", timeout=60).status == status


@pytest.mark.parametrize("level", [1, 2])
def test_the_kernel_is_entered_at_the_level_asked_for(toy, level):
    for gic in (2, 3):
        result = run_py(kernel=toy("STATUS=0"), run="x", el=level, gic=gic, timeout=60)
        assert result == (0, f"{level} 0000000000000000\n")


def test_a_run_that_takes_too_long_is_ended_and_says_so(toy):
    result = run_py(kernel=toy("STATUS=0", "HANG"), run="x", timeout=1)

    assert result.status == 124
    assert "run.py: ended after TIMEOUT=1 seconds" in result.output


def test_poison_fills_ram_with_the_same_garbage_each_time(toy):
    first, again, other = (run_py(kernel=toy("STATUS=0"), run="x", poison=seed, timeout=60).output
                           for seed in (1, 1, 2))

    assert "0000000000000000" not in first
    assert first == again != other


def test_poison_works_with_more_ram_than_this_computer_has(toy):
    result = run_py(kernel=toy("STATUS=0"), run="x", poison=1, mem="1T", timeout=60)

    assert result.status == 0 and result.output != "1 0000000000000000\n"


@pytest.mark.parametrize("mem, cpu", [("1T", "neoverse-n1"), ("1T", "cortex-a72"), ("1023G", "cortex-a53"),
                                      ("32T", "max")])
def test_more_ram_than_this_computer_has_is_not_reserved(toy, mem, cpu):
    result = run_py(kernel=toy("STATUS=0"), run="x", mem=mem, cpu=cpu, timeout=60)

    assert result == (0, "1 0000000000000000\n")


def printed(**variables):
    result = run_py("--print", **variables)
    assert result.status == 0, result.output
    return shlex.split(result.output)


def appended(toy, **variables):
    arguments = printed(kernel=toy("STATUS=0"), **variables)
    return arguments[arguments.index("-append") + 1]


def test_commands_reach_the_kernel_in_one_quoted_word(toy):
    assert appended(toy, run="walk 0x1000; meminfo") == 'run="walk 0x1000; meminfo"'


def test_layout_and_append_reach_the_kernel(toy):
    words = appended(toy, run="help", layout="x86-64", append="linear=1G mem=64M")
    assert words == 'layout=x86-64 run="help" linear=1G mem=64M'


def test_without_a_terminal_and_without_commands_the_tour_runs_alone(toy):
    result = run_py(kernel=toy("STATUS=7"), timeout=60)

    assert result.status == 7
    assert "run.py: no terminal, so no shell: RUN=tour" in result.output


def test_initrd_none_leaves_it_out(toy, tmp_path):
    archive = tmp_path / "archive.cpio"
    archive.write_bytes(b"070701")

    assert "-initrd" not in printed(kernel=toy("STATUS=0"), run="help", initrd="none")
    assert str(archive) in printed(kernel=toy("STATUS=0"), run="help", initrd=archive)


def test_on_a_terminal_a_person_is_told_how_to_leave_and_can(toy):
    process = pexpect.spawn(RUN_PY, env=environment({"kernel": toy("STATUS=0", "HANG")}), timeout=60)

    process.expect_exact("neoverse-n1 x1, 512M of RAM, GICv3, entered at EL1. Ctrl-A X leaves QEMU")
    process.expect_exact("1 0000000000000000")
    process.send("\x01x")
    process.expect(pexpect.EOF)
    process.close()
    assert process.exitstatus == 0


def test_on_a_terminal_the_tour_comes_before_the_shell(toy):
    """run.py itself must see the terminal, so --print is asked for on one."""
    def words(**variables):
        text = pexpect.run(f"{RUN_PY} --print", env=environment({"kernel": toy("STATUS=0"), **variables}))
        arguments = shlex.split(text.decode())
        return arguments[arguments.index("-append") + 1]

    assert words() == "tour"
    assert words(tour="no", append="nokaslr") == "nokaslr"
    assert words(run="help") == 'run="help"'
