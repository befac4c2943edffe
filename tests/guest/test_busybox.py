# SPDX-License-Identifier: MIT
"""A real Linux program that people know: Debian's busybox, as an interactive shell. Skipped, with the
reason, where it cannot be fetched (`make busybox`)."""

import os
import re
import subprocess
import time

import pexpect
import pytest

from machine import BUILD, PATIENCE, TOP, Session

INITRAMFS = os.path.join(BUILD, "busybox.cpio")
PROMPT = re.compile(r"\S+ # (\x1b\[6n)?$")  # it asks the terminal where the cursor is


@pytest.fixture(scope="module")
def initramfs():
    if not os.path.exists(INITRAMFS):
        made = subprocess.run(["sh", os.path.join(TOP, "qemu/busybox.sh"), INITRAMFS], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding="utf-8", timeout=10 * PATIENCE)
        if made.returncode != 0:
            pytest.skip(f"no busybox to run: {made.stdout.strip()}")
    return INITRAMFS


class Ash:
    """`run /bin/busybox sh` on the kernel's shell."""

    def __init__(self, initramfs):
        self.session = Session(initrd=initramfs)
        self.session.type("run /bin/busybox sh\r")
        self.process = self.session.process
        self.process.expect(PROMPT)

    def run(self, line):
        """What a line prints, without its echo."""
        self.session.type(line + "\r")
        self.process.expect(PROMPT)
        return self.process.before.replace("\r", "").partition("\n")[2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.__exit__()


@pytest.fixture(scope="module")
def ash(initramfs):
    with Ash(initramfs) as shell:
        yield shell


def test_pipelines_and_redirections(ash):
    assert ash.run("echo hello | tr a-z A-Z") == "HELLO\n"
    assert ash.run("for i in 3 1 2; do echo $i; done | sort | head -n 2 > /tmp/x; cat /tmp/x") == "1\n2\n"
    assert ash.run("echo more >> /tmp/x; wc -l < /tmp/x") == "3\n"
    assert ash.run("ls /nobody 2>/dev/null || echo no") == "no\n"
    assert ash.run("echo $(seq 1 1000 | wc -c) $((6 * 7))") == "3893 42\n"


def test_a_here_document(ash):
    ash.session.type("cat << END | sed s/one/two/\rone thing\rEND\r")
    ash.process.expect(PROMPT)
    assert "two thing" in ash.process.before


def test_statuses(ash):
    assert ash.run("false; echo $?") == "1\n"
    assert ash.run("(exit 7); echo $?") == "7\n"
    assert "not found" in ash.run("nobody")
    assert ash.run("echo $?") == "127\n"


def test_files_and_directories(ash):
    listing = ash.run("ls -l /bin/busybox /dev/null")
    assert re.search(r"^-rwxr-xr-x +1 root +root +\d+ .* /bin/busybox$", listing, re.MULTILINE), listing
    assert re.search(r"^crw-rw-rw- +1 root +root +1, +3 .* /dev/null$", listing, re.MULTILINE), listing
    assert ash.run("mkdir -p /tmp/a/b && cd /tmp/a/b && pwd; cd /") == "/tmp/a/b\n"
    assert ash.run("cp -r /etc /tmp/e && ls /tmp/e; rm -r /tmp/e; ls -d /tmp/e 2>/dev/null") == "group   passwd\n"
    assert ash.run("ln -s nowhere /tmp/l; readlink /tmp/l") == "nowhere\n"
    assert ash.run("find /tmp/a -type d | wc -l") == "2\n"
    ash.run("dd if=/dev/zero of=/tmp/z bs=64k count=16 2>/dev/null")
    assert ash.run("md5sum < /tmp/z; rm /tmp/z") == "b6d81b360a5672d80c27430f39153e2c  -\n"


def test_jobs(ash):
    ash.run("sleep 1000 &")
    assert re.search(r"\[1\]\+ +Running +sleep 1000", ash.run("jobs"))
    ash.run("kill %1")
    assert "Terminated" in ash.run("wait; true")
    assert ash.run("jobs") == ""


def start_cat(ash):
    """A program that surely has the terminal now: it has given back a line. (What is typed before the
    shell has let go of the terminal is its own.)"""
    ash.session.type("echo g''o; cat\r")
    ash.process.expect_exact("go")
    ash.session.type("a line\r")
    ash.process.expect("a line\r+\na line\r+\n")


def test_keys_that_are_signals(ash):
    start_cat(ash)
    ash.session.type("\x03")
    ash.process.expect(PROMPT)
    assert ash.run("echo $?") == "130\n"
    start_cat(ash)
    ash.session.type("\x1a")
    ash.process.expect(PROMPT)
    assert "Stopped" in ash.process.before + ash.run("jobs")
    ash.run("kill -9 %1")
    ash.run("wait; true")


def stop(ash):
    """^Z to what has the terminal; what the shell says then."""
    ash.session.type("\x1a")
    ash.process.expect(PROMPT)
    return ash.process.before + ash.run("jobs")


def test_a_stopped_job_comes_back_to_the_terminal(ash):
    start_cat(ash)
    assert re.search(r"\[1\]\+ +Stopped +cat", stop(ash))
    ash.session.type("fg\r")
    ash.process.expect_exact("cat\r")
    ash.session.type("once more\r")
    ash.process.expect("once more\r+\nonce more\r+\n")
    assert "Stopped" in stop(ash)
    ash.session.type("fg %1\r")
    ash.process.expect_exact("cat\r")
    ash.session.type("and again\r")
    ash.process.expect("and again\r+\nand again\r+\n")
    ash.session.type("\x03")
    ash.process.expect(PROMPT)
    assert ash.run("echo $?; jobs") == "130\n"


def test_a_stopped_job_goes_on_in_the_background(ash):
    ash.session.type("(echo g''o; sleep 1000)\r")
    ash.process.expect_exact("go\r")
    assert re.search(r"\[1\]\+ +Stopped .*sleep 1000", stop(ash))
    assert "sleep 1000" in ash.run("bg")
    assert re.search(r"\[1\]\+ +Running .*sleep 1000", ash.run("jobs"))
    ash.session.type("\x03")  # the shell's own line, not the job's end
    ash.process.expect(PROMPT)
    assert re.search(r"\[1\]\+ +Running .*sleep 1000", ash.run("jobs"))
    ash.run("kill %1")
    assert "Terminated" in ash.run("wait; true")


def test_a_job_in_the_background_that_reads_the_terminal_stops(ash):
    ash.run("cat &")
    deadline = time.monotonic() + PATIENCE
    while "Stopped" not in ash.run("jobs"):
        assert time.monotonic() < deadline
    ash.session.type("fg\r")
    ash.process.expect_exact("cat\r")
    ash.session.type("for cat\r")
    ash.process.expect("for cat\r+\nfor cat\r+\n")
    ash.session.type("\x04")
    ash.process.expect(PROMPT)
    assert ash.run("echo $?; jobs") == "0\n"


def test_the_line_can_be_edited(ash):
    """The shell does that itself: the terminal is raw meanwhile."""
    assert ash.run("echo lost\x7f\x7f\x7fook") == "look\n"
    ash.session.type("\x1b[A")  # the line before, behind a prompt that is drawn again
    ash.process.expect_exact("echo look")
    assert ash.run("") == "look\n"


def test_processes_and_maps(ash):
    assert re.search(r"^ +\d+ root +\{ps\} ", ash.run("ps"), re.MULTILINE)
    maps = ash.run("cat /proc/self/maps")
    assert re.search(r"^00400000-[0-9a-f]+ r-xp 00000000 .* /bin/busybox$", maps, re.MULTILINE), maps
    assert re.search(r"rw-p .* \[stack\]$", maps, re.MULTILINE), maps


def test_the_kernels_log(ash):
    lines = ash.run("dmesg").splitlines()
    assert any(re.fullmatch(r"memory: 0x0*40000000 to 0x[0-9a-f]+  \d+M of RAM", line) for line in lines), lines
    assert ash.run("dmesg -c | wc -l") == f"{len(lines)}\n"
    assert ash.run("dmesg") == ""


def test_vi_edits_a_file(ash):
    ash.session.type("vi /tmp/text\r")
    ash.process.expect_exact("~")
    ash.session.type("ia line\x1b")
    ash.process.expect_exact("[Modified]")  # else what follows would be part of an escape sequence
    ash.session.type(":wq\r")
    ash.process.expect(PROMPT)
    assert ash.run("cat /tmp/text") == "a line\n"


def test_it_ends_and_the_kernels_shell_is_back(initramfs):
    with Ash(initramfs) as shell:
        shell.session.type("exit 5\r")
        assert "exited with status 5" in shell.session.read_to_prompt()
        assert "sh" in shell.session.run("run /bin/busybox sh -c 'echo $0'")
