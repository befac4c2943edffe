# SPDX-License-Identifier: MIT
"""ls and cat: the file tree that the initramfs is unpacked into, as the kernel's shell shows it."""

import os
import re

from machine import BUILD, boot


def test_ls_shows_the_initramfs_and_what_the_kernel_adds():
    result = boot("ls", "ls /bin", "ls /dev/null")
    assert result.status == 0, result.output
    for name in ("bin", "dev", "proc", "tmp"):
        assert re.search(rf"^d[rwxt-]{{9}} +\d+ +\d+ {name}$", result.output, re.MULTILINE), name
    programs = sorted(os.listdir(os.path.join(BUILD, "rootfs/bin")))
    assert programs
    for name in programs:
        size = os.path.getsize(os.path.join(BUILD, "rootfs/bin", name))
        assert re.search(rf"^-rwxr[w-]xr-x +1 +{size} {name}$", result.output, re.MULTILINE), name
    assert re.search(r"^crw-rw-rw- +1 +0 /dev/null$", result.output, re.MULTILINE)


def test_cat_prints_what_the_commands_print():
    result = boot("buddyinfo", "cat /proc/buddyinfo", "cat /proc/meminfo", "cat /proc/sys/kernel/pid_max")
    assert result.status == 0, result.output
    assert len(result.lines("Node 0, zone")) == 2 * len(set(line[:25] for line in result.lines("Node 0, zone")))
    assert re.search(r"^MemTotal: +\d+ kB$", result.output, re.MULTILINE)
    assert "32768" in result.lines("32768")


def test_a_name_that_is_not_there_is_one_line():
    for command in ("cat /none", "ls /none", "cat /bin/none/x"):
        result = boot(command)
        assert result.status == 1
        assert result.output.count("not found") == 1, result.output
    assert "not a directory" in boot("cat /proc/version/x").output
    assert "is a directory" in boot("cat /bin").output
    assert "may have no end" in boot("cat /dev/zero").output


def test_a_damaged_initramfs_leaves_an_empty_tree_and_one_line(tmp_path):
    whole = open(os.path.join(BUILD, "initramfs.cpio"), "rb").read()
    damaged = tmp_path / "damaged.cpio"
    damaged.write_bytes(whole[: len(whole) // 2])
    result = boot("ls /", "ls /bin", initrd=damaged)
    assert result.output.count("no file of it is used") == 1, result.output
    assert re.search(r"^d.* proc$", result.output, re.MULTILINE)
    assert "not found" in result.output
