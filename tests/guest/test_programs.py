# SPDX-License-Identifier: MIT
"""Programs at EL0: they run, they end with their status, they are killed when they touch the kernel, and
whatever file is given for one, the kernel lives."""

import gzip
import os
import re
import struct
import subprocess

import pytest

from machine import BUILD, PATIENCE, TEST_IMAGE, TEST_INITRAMFS, boot, holdings

HELLO = os.path.join(BUILD, "rootfs/bin/hello")
KERNEL_TEXT = 0xFFFF800008000000
LINEAR = 0xFFFF000000000000


def test_a_program_says_hello_and_ends_with_its_status():
    result = boot("run hello one 'two words'")
    assert "Hello from EL0" in result.output
    assert "argument 1: one\nargument 2: two words\n" in result.output
    assert "hello exited with status 2" in result.output
    assert result.status == 2


def test_a_program_is_found_by_name_or_path():
    assert boot("run hello", "run /bin/hello", "run bin/hello", "run ./bin/hello").status == 0


@pytest.mark.parametrize("cpu", ["cortex-a53", "neoverse-n1", "max"])
@pytest.mark.parametrize("el", [1, 2])
def test_a_program_runs_on_every_kind_of_cpu(cpu, el):
    assert boot("run hello", cpu=cpu, el=el).status == 0


@pytest.mark.parametrize("way, verb", [("load", "read"), ("store", "write"), ("jump", "execute")])
@pytest.mark.parametrize("where", [KERNEL_TEXT, KERNEL_TEXT + 0x60000, LINEAR, LINEAR + 0x1234567])
def test_a_program_that_touches_the_kernel_half_is_killed(way, verb, where):
    """A4: the address is mapped, as the walk in the report shows, and EL0 still cannot use it."""
    result = boot(f"run attack {way} {where:#x}", "run hello")
    assert f"attack was killed (SIGSEGV): {verb} at {where:#018x}: permission fault" in result.output
    assert re.search(r"L[123]\[\d+\] 0x[0-9a-f]{16} .*EL0 ---", result.output)
    assert "came back" not in result.output and "written" not in result.output
    assert "hello exited with status 0" in result.output, "the kernel lives"
    assert result.status == 128 + 11


@pytest.mark.parametrize("address, words", [
    (0x0, "translation fault at level"),
    (0x1000000000000, "translation fault at level 0"),
    (0xFFFE000000000000, "translation fault at level 0"),
    (0xFFFF700000000000, "translation fault at level 0"),
])
def test_a_program_that_touches_nothing_is_killed(address, words):
    result = boot(f"run attack load {address:#x}")
    assert f"attack was killed (SIGSEGV): read at {address:#018x}: {words}" in result.output
    assert result.status == 128 + 11


def test_programs_give_back_all_they_had():
    result = boot("holdings", "run hello", "run attack load 0", "run attack store 0xffff800008000000", "holdings",
                  kernel=TEST_IMAGE)
    before, after = holdings(result.output)
    assert before == after


def test_what_a_program_may_rely_on():
    result = boot("run user_abi one 'two words'", initrd=TEST_INITRAMFS)
    assert re.search(r"^\d\d+ checks, 0 failures$", result.output, re.MULTILINE), result.output
    assert result.status == 0


def test_nothing_of_one_program_is_seen_by_the_next():
    assert boot("run dirty", "run dirty", "run dirty", initrd=TEST_INITRAMFS).status == 0


@pytest.mark.parametrize("cpus", [1, 4])
def test_tables_can_change_on_several_cpus_at_once(cpus):
    result = boot("run tables 4", cpus=cpus, initrd=TEST_INITRAMFS)
    assert "tables: 4 workers did what they should" in result.output
    assert result.status == 0


@pytest.mark.deep
@pytest.mark.parametrize("cpus, layout, workers", [(4, "arm64", 8), (8, "arm64", 12), (8, "i386", 12)])
def test_processes_change_their_memory_at_random_for_a_minute(cpus, layout, workers):
    result = boot(f"siege 60 {workers}", cpus=cpus, layout=layout, timeout=4 * PATIENCE, kernel=TEST_IMAGE,
                  initrd=TEST_INITRAMFS)
    assert re.search(r"^# siege_mappings: \d{4,} attempts, 0 came out wrong$", result.output, re.MULTILINE), result.output
    assert result.status == 0, result.output


def test_unknown_system_calls_are_counted():
    output = boot("run user_abi one 'two words'", "syscalls", initrd=TEST_INITRAMFS).output
    assert re.search(r"^ +64  write +\d+$", output, re.MULTILINE)
    assert re.search(r"^ +\d+  not here: ENOSYS +\d+$", output, re.MULTILINE)


SEGV, BUS, ILL, TRAP = 11, 7, 4, 5
MISBEHAVIOUR = {
    "overflow": SEGV, "null": SEGV, "write-text": SEGV, "write-rodata": SEGV, "run-data": SEGV, "run-stack": SEGV,
    "run-heap": SEGV, "jump-misaligned": BUS, "sp-kernel": SEGV, "undefined": ILL, "breakpoint": TRAP,
    "read-ttbr": ILL, "write-vbar": ILL, "tlbi": ILL, "at": ILL, "mask": ILL, "eret": ILL, "hvc": ILL, "smc": ILL,
    "hlt": ILL, "semihost": ILL, "zero-kernel": SEGV,
    "sp-misaligned": None,  # QEMU does not check it, so the program dies of something else
}


def test_whatever_a_program_does_it_is_the_one_to_die():
    result = boot(*(f"run misbehave {kind}" for kind in MISBEHAVIOUR), "run quiet", initrd=TEST_INITRAMFS)
    assert result.output.count("misbehave was killed (") == len(MISBEHAVIOUR), result.output
    lived = set(re.findall(r"^(\S+): lived$", result.output, re.MULTILINE))
    assert not lived - {"sp-misaligned"}
    assert "quiet exited with status 0" in result.output


@pytest.mark.parametrize("kind", [kind for kind, signal in MISBEHAVIOUR.items() if signal])
def test_a_misbehaving_program_dies_of_the_right_signal(kind):
    assert boot(f"run misbehave {kind}", initrd=TEST_INITRAMFS).status == 128 + MISBEHAVIOUR[kind]


def test_without_an_initramfs_there_is_no_program():
    result = boot("run hello", initrd="none")
    assert result.output.count("run: there is no initramfs") == 1
    assert result.status == 127


def newc(*files):
    """A newc archive, written here from the format's description."""
    out = b""
    for name, data in (*files, ("TRAILER!!!", b"")):
        fields = [1, 0o100755, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return out


def patched(data, *patches):
    data = bytearray(data)
    for offset, form, value in patches:
        struct.pack_into(form, data, offset, value)
    return bytes(data)


def program_headers(data):
    """Where each program header of an ELF file is, by its type."""
    table, size, count = (struct.unpack_from(form, data, at)[0] for form, at in (("<Q", 32), ("<H", 54), ("<H", 56)))
    headers = {}
    for at in range(table, table + size * count, size):
        headers.setdefault(struct.unpack_from("<I", data, at)[0], []).append(at)
    return headers


def bad_programs():
    with open(HELLO, "rb") as file:
        hello = file.read()
    headers = program_headers(hello)
    text, data = headers[1][:2]
    return {
        "empty": (b"", "it is too short"),
        "text": (b"echo no\n", "it is not an ELF file"),
        "short": (hello[:40], "it is too short"),
        "x86": (patched(hello, (18, "<H", 62)), "it is not for AArch64"),
        "elf32": (patched(hello, (4, "<B", 1)), "it is not a 64-bit little-endian ELF file"),
        "relocatable": (patched(hello, (16, "<H", 1)), "it is not an executable"),
        "cut": (hello[:5000], "a segment's bytes are not all there"),
        "dynamic": (patched(hello, (headers[4][0], "<I", 3), (headers[4][0] + 32, "<Q", 1)), "it does not name its interpreter"),
        "wx": (patched(hello, (text + 4, "<I", 7)), "a segment is both writable and executable"),
        "stack": (patched(hello, (headers[0x6474E551][0] + 4, "<I", 7)), "it wants an executable stack"),
        "kernel": (patched(hello, (data + 16, "<Q", KERNEL_TEXT + (struct.unpack_from("<Q", hello, data + 16)[0] & 0xFFF))),
                   "a segment lies outside user memory"),
        "huge": (patched(hello, (data + 40, "<Q", 1 << 62)), "a segment lies outside user memory"),
        "null": (patched(hello, (24, "<Q", 0)), "its entry point is not in an executable segment"),
        "jungle": (patched(hello, (32, "<Q", 1 << 63)), "its program headers are not all there"),
    }


def test_a_file_that_is_no_program_gets_one_clear_line(tmp_path):
    bad = bad_programs()
    archive = tmp_path / "bad.cpio"
    archive.write_bytes(newc(*((f"bin/{name}", data) for name, (data, _) in bad.items())))
    commands = [f"run {name}" for name in bad]
    result = boot("holdings", *commands, "holdings", initrd=archive, kernel=TEST_IMAGE)
    for name, (_, words) in bad.items():
        assert result.output.count(f"run: '{name}' cannot run: {words} (at byte ") == 1, result.output
    before, after = holdings(result.output)
    assert before == after
    assert result.status == 126


LIBRARIES = "/usr/aarch64-linux-gnu/lib"
LOADER, C_LIBRARY = "ld-linux-aarch64.so.1", "libc.so.6"


def dynamic_hello(folder, *flags):
    source, program = folder / "hello.c", folder / "hello"
    source.write_text('#include <stdio.h>\n#include <stdlib.h>\nint main(int argc, char** argv) {\n'
                      '  char* memory = malloc(1 << 20);\n'
                      '  printf("%s is linked dynamically: %d\\n", argv[0], argc + memory[0]);\n  return 4;\n}\n')
    subprocess.run(["aarch64-linux-gnu-gcc", "-O1", *flags, "-o", program, source], check=True)
    return program.read_bytes()


def library(name):
    with open(os.path.join(LIBRARIES, name), "rb") as file:
        return file.read()


@pytest.mark.parametrize("flags", [["-pie"], ["-no-pie"]], ids=["pie", "fixed"])
def test_a_dynamic_program_is_loaded_by_its_interpreter(tmp_path, flags):
    archive = tmp_path / "dynamic.cpio"
    archive.write_bytes(newc(("bin/dynamic", dynamic_hello(tmp_path, *flags)), (f"lib/{LOADER}", library(LOADER)),
                             (f"lib/{C_LIBRARY}", library(C_LIBRARY))))
    result = boot("holdings", "run dynamic 1 2", "holdings", initrd=archive, kernel=TEST_IMAGE)
    assert "/bin/dynamic is linked dynamically: 3\n" in result.output, result.output
    before, after = holdings(result.output)
    assert before == after
    assert result.status == 4


@pytest.mark.parametrize("loader, words", [
    (None, "its interpreter is not there, or is not executable"),
    (b"no program", "its interpreter is no program"),
    (b"\x7fELF", "its interpreter is no program"),
])
def test_without_an_interpreter_that_works_there_is_one_clear_line(tmp_path, loader, words):
    archive = tmp_path / "dynamic.cpio"
    files = [("bin/dynamic", dynamic_hello(tmp_path))] + ([(f"lib/{LOADER}", loader)] if loader else [])
    archive.write_bytes(newc(*files))
    result = boot("holdings", "run dynamic", "holdings", initrd=archive, kernel=TEST_IMAGE)
    assert result.output.count(f"run: 'dynamic' cannot run: {words} (") == 1, result.output
    before, after = holdings(result.output)
    assert before == after
    assert result.status == 126


def test_more_memory_than_there_is_gets_one_clear_line(tmp_path):
    with open(HELLO, "rb") as file:
        hello = file.read()
    data = program_headers(hello)[1][1]
    archive = tmp_path / "large.cpio"
    archive.write_bytes(newc(("bin/large", patched(hello, (data + 40, "<Q", 1 << 32)))))
    result = boot("holdings", "run large", "holdings", initrd=archive, mem="128M", kernel=TEST_IMAGE)
    assert result.output.count("run: 'large' cannot run: out of frames") == 1
    before, after = holdings(result.output)
    assert before == after
    assert result.status == 126


@pytest.mark.parametrize("spoil, words", [
    (lambda good: gzip.compress(good), "the initramfs is a gzip file"),
    (lambda good: b"\x28\xb5\x2f\xfd" + good, "the initramfs is a zstd file"),
    (lambda good: b"070707" + good[6:], "the initramfs is an old (odc) cpio archive"),
    (lambda good: good[: len(good) // 2], "truncated at byte"),
    (lambda good: good.replace(b"070701", b"070709", 1), "malformed at byte 0"),
    (lambda good: b"\0" * 4096, "truncated at byte"),
], ids=["gzip", "zstd", "odc", "half", "magic", "zeros"])
def test_a_bad_initramfs_gets_one_clear_line(tmp_path, spoil, words):
    with open(os.path.join(BUILD, "initramfs.cpio"), "rb") as file:
        good = file.read()
    archive = tmp_path / "spoilt.cpio"
    archive.write_bytes(spoil(good))
    result = boot("run hello", "help", initrd=archive)
    assert result.output.count(words) == 1, result.output
    assert "poweroff" in result.output, "the shell goes on"
    assert result.status == 127
