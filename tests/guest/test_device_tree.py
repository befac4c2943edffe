# SPDX-License-Identifier: MIT
"""The kernel believes the device tree, within limits: whatever the bytes are, it either boots or says in
one line why it does not, and ends with a failure status. It never hangs and never is silent."""

import random
import struct

import pytest

from device_tree import MAGIC, TREE_ADDRESS, boot_with, build, cells, qemu_tree

STOPS = "Meridian stops: "
STOP_STATUSES = (1, 100)  # before the console stands, and after


def stop_line(result):
    """The one line that says why; checks that it is one, and that the run ended as a failure."""
    lines = [line for line in result.output.splitlines() if STOPS in line]
    assert result.status in STOP_STATUSES and len(lines) == 1, result.output
    return lines[0]


def boots(result):
    return result.status == 0 and "help" in result.output


def test_a_tree_that_was_taken_apart_and_put_together_boots_at_another_address():
    assert boots(boot_with(build(qemu_tree())))


@pytest.mark.parametrize("address, reason", [
    (0, "x0 = 0"),
    (TREE_ADDRESS + 4, "multiple of 8"),
    (0x4500_0000, "no device tree"),
    (0x0900_0000, "no device tree"),      # the UART itself
    (0x7_0000_0000, "cannot be read"),    # nothing answers there
])
def test_an_address_without_a_tree_is_one_line(address, reason):
    # Without a tree nobody knows a UART: the line comes from the machine's usual one.
    assert reason in stop_line(boot_with(build(qemu_tree()), address=address))


@pytest.mark.parametrize("offset, value, reason", [
    (0, MAGIC ^ 1, "no device tree"),
    (4, 0xFFFF_FFFF, "larger than 2 MiB"),
    (4, 39, "shorter than its own header"),
    (4, 64, "broken"),           # ends in the middle of itself
    (8, 0xFFFF_FFF0, "broken"),  # the structure is elsewhere
    (8, 57, "broken"),           # ... and not aligned
    (12, 0x7FFF_FFFF, "broken"),
    (16, 0xFFFF_FFF8, "broken"),
    (20, 1, "broken"),           # a version before ours
    (24, 99, "broken"),          # only understood by a later one
    (32, 0xFFFF_FFFF, "broken"),
    (36, 0xFFFF_FFFF, "broken"),
])
def test_a_header_that_lies_is_one_line(offset, value, reason):
    blob = bytearray(build(qemu_tree()))
    struct.pack_into(">I", blob, offset, value)
    assert reason in stop_line(boot_with(bytes(blob)))


def test_a_tree_without_memory_is_one_line():
    tree = qemu_tree()
    tree.remove("memory")
    assert "no memory" in stop_line(boot_with(build(tree)))


@pytest.mark.parametrize("base, size, reason", [
    (0x8000_0000, 0x800_0000, "not in the RAM"),
    (0x4000_0000, 0x40_0000, "at least"),
    (0x4000_0000, 0, "no memory"),
    (0x4000_0000, 0x800, "RAM"),
    (0xFFFF_FFFF_FFFF_F000, 0x1000, "RAM"),
])
def test_memory_that_cannot_hold_the_kernel_is_one_line(base, size, reason):
    tree = qemu_tree()
    tree.find("memory@40000000").properties["reg"] = cells(base, size)
    assert reason in stop_line(boot_with(build(tree)))


def test_a_bank_beyond_48_bits_is_left_out_and_said():
    tree = qemu_tree()
    tree.find("memory@40000000").properties["reg"] = cells(0x4000_0000, 0x800_0000, 1 << 50, 1 << 30)
    result = boot_with(build(tree))
    assert boots(result) and "left out" in result.output


def test_two_banks_and_a_hole_boot():
    tree = qemu_tree()
    tree.find("memory@40000000").properties["reg"] = cells(0x4000_0000, 0x500_0000, 0x4600_0000, 0x200_0000)
    assert boots(boot_with(build(tree)))


def test_reserved_memory_is_listed_and_the_machine_boots():
    tree = qemu_tree(commands="iomem")
    two = struct.pack(">I", 2)
    reserved = tree.add("reserved-memory", {"#address-cells": two, "#size-cells": two, "ranges": b""})
    reserved.add("firmware@47000000", {"reg": cells(0x4700_0000, 0x10_0000)})
    result = boot_with(build(tree, reservations=[(0x4710_0000, 0x1000)]))
    assert result.status == 0
    assert "firmware@47000000" in result.output


def test_an_initramfs_outside_of_ram_is_said_and_ignored():
    tree = qemu_tree()
    tree.find("chosen").properties.update({"linux,initrd-start": cells(0x9000_0000),
                                           "linux,initrd-end": cells(0x9010_0000)})
    result = boot_with(build(tree))
    assert boots(result) and "out of reach" in result.output


def test_without_a_uart_in_the_tree_the_usual_one_is_tried():
    tree = qemu_tree()
    tree.remove("pl011")
    result = boot_with(build(tree))
    assert "not in the device tree" in result.output and boots(result)


@pytest.mark.parametrize("node", ["intc", "timer", "psci", "cpus", "chosen"])
def test_a_tree_without_one_of_its_nodes_boots_or_says_why(node):
    tree = qemu_tree()
    tree.remove(node)
    result = boot_with(build(tree), timeout=4 if node == "chosen" else 20)
    # Without /chosen nobody asked for commands: the shell waits for keys, and run.py ends it.
    assert boots(result) or (node == "chosen" and result.status == 124), result.output


@pytest.mark.parametrize("bootargs", [
    b"", b"\0", b"x" * 5000 + b"\0", b'run="help\0', b"mem=17\0", b"mem=99999999999999999999T run=help\0",
    b"layout= run=help\0", b"linear=0 run=help\0", bytes(range(1, 256)) + b" run=help\0", b"run=help",
], ids=range(10))
def test_whatever_the_command_line_holds_the_kernel_boots_or_says_why(bootargs):
    tree = qemu_tree()
    tree.find("chosen").properties["bootargs"] = bootargs
    # Without a command it waits for keys at the prompt, until run.py ends it.
    result = boot_with(build(tree), timeout=20 if b"run=help" in bootargs else 6)
    assert boots(result) or STOPS in result.output or "meridian> " in result.output, result.output


def boot_to_the_prompt(bootargs):
    """With these bytes as the property (None: without it). Nobody types, so run.py ends it."""
    tree = qemu_tree()
    chosen = tree.find("chosen").properties
    del chosen["bootargs"]
    if bootargs is not None:
        chosen["bootargs"] = bootargs
    return boot_with(build(tree), timeout=4)


@pytest.mark.parametrize("bootargs", [None, b"", b"\0"], ids=["missing", "no bytes", "no words"])
def test_an_empty_command_line_is_none(bootargs):
    result = boot_to_the_prompt(bootargs)
    assert "meridian> " in result.output and "command line" not in result.output, result.output


def test_a_command_line_without_an_end_is_said_and_ignored():
    result = boot_to_the_prompt(b"run=help")
    assert "meridian> " in result.output, result.output
    assert result.lines("command line") == ["command line: it has no end; ignored"]


@pytest.mark.deep
def test_random_damage_never_hangs_and_is_never_silent():
    """Bytes of a good tree are changed at random. A tree that still says what the kernel needs boots."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    good = build(qemu_tree())
    for round_number in range(100):
        blob = bytearray(good)
        for _ in range(chance.randint(1, 20)):
            blob[chance.randrange(8, len(blob))] = chance.choice((0, 1, 4, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        result = boot_with(bytes(blob), timeout=4)
        assert result.output.strip(), f"silent: seed {seed}, round {round_number}"
        alive = boots(result) or "meridian> " in result.output
        assert alive or STOPS in result.output, f"seed {seed}, round {round_number}: {result.output}"
