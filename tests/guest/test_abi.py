# SPDX-License-Identifier: MIT
"""The same program says the same here as on Linux: QEMU's user mode runs it on this computer's kernel.

A program of this kind is tests/user/abi_NAME.c. What it prints must not depend on when and where it runs.
"""

import glob
import os
import subprocess

import pytest

from machine import BUILD, PATIENCE, TEST_INITRAMFS, TOP, boot

PROGRAMS = sorted(os.path.basename(path)[:-2] for path in glob.glob(os.path.join(TOP, "tests/user/abi_*.c")))


def on_linux(program):
    """What it prints, and its status."""
    done = subprocess.run(["qemu-aarch64-static", os.path.join(BUILD, "user/bin", program)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, encoding="utf-8", timeout=PATIENCE, check=False)
    return done.stdout, done.returncode


@pytest.mark.parametrize("program", ("signals", "forge"))
def test_what_programs_check_holds_on_linux_too(program):
    said, status = on_linux(program)
    assert status == 0, said


@pytest.mark.parametrize("name", ["jobs", "locks", "siege_mappings"])
def test_what_any_machines_program_checks_holds_on_this_computers_kernel(tmp_path, name):
    """QEMU's user mode makes vfork() a fork(), tells of every stop, and answers some calls about memory by itself; so
    the kernel below it is the judge."""
    source, program = os.path.join(TOP, f"tests/user/{name}.c"), tmp_path / name
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-o", program, source], check=True)
    done = subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8",
                          timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_says_the_same_here_as_on_linux(program):
    said, status = on_linux(program)
    assert said.count("\n") > 10, "a judge that says nothing judges nothing"
    assert "NO" not in said.split(), said
    result = boot(f"run {program}", initrd=TEST_INITRAMFS)
    ours = result.output.partition("after the machine started\n")[2]
    assert ours == said + f"{program} exited with status {status}\n"
