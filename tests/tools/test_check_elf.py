# SPDX-License-Identifier: MIT
"""check_elf.py: each thing that it looks for, built in on purpose, is found; a clean image passes."""

import os
import subprocess
import sys

import pytest

from machine import TOP

CROSS = os.environ.get("CROSS", "aarch64-linux-gnu-")
CHECK = os.path.join(TOP, "tests/check_elf.py")

HEADER = """
    .section .head, "ax"
    .globl _start
_start: {code0}
    .long {code1}
    .quad {text_offset}, {image_size}, {flags}, 0, 0, 0
    .ascii "{magic}"
    .long 0
entry: ret
    .text
{body}
"""
GOOD = {"code0": "b entry", "code1": 0, "text_offset": 0, "image_size": "0x100000", "flags": "0xa",
        "magic": "ARMd", "body": "nop"}


def build(folder, link="-static-pie", **changes):
    """folder/meridian.elf and folder/Image, clean but for the changes."""
    source, elf = folder / "image.S", str(folder / "meridian.elf")
    source.write_text(HEADER.format(**{**GOOD, **changes}))
    flags = ["-nostdlib", link, "-Wl,-z,max-page-size=4096,--build-id=none,--section-start=.head=0x10000"]
    subprocess.run([CROSS + "gcc", *flags, str(source), "-o", elf], check=True, stderr=subprocess.DEVNULL)
    subprocess.run([CROSS + "objcopy", "-O", "binary", "-j", ".head", elf, str(folder / "Image")], check=True)
    return folder


def check(*arguments):
    done = subprocess.run([sys.executable, CHECK, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout


def test_a_clean_image_passes(tmp_path):
    # Addresses, symbols and numbers that look like register names are not registers.
    body = "d0: bl d0\n b.eq d0\n mov x0, #0xd0\n .word 0x1e604020\n msr s3_0_c4_c6_0, x0\n q1: b q1"
    status, output = check("image", build(tmp_path, body=body))
    assert status == 0, output


FP = ["fmov d1, #1.0", "ldr q0, [x0]", "movi v3.16b, #0", "stp d8, d9, [sp]", "fcvtzs w0, s7",
      "ld1 {v0.4s, v1.4s}, [x0]", "str b2, [x1]", "ldr h31, [x0]"]


@pytest.mark.parametrize("instruction", FP)
def test_an_fp_or_simd_register_is_found_with_its_function(tmp_path, instruction):
    body = f".type culprit, %function\nculprit: {instruction}\n ret"
    status, output = check("image", build(tmp_path, body=body))

    assert status == 1
    assert "culprit touches an FP or SIMD register" in output
    assert check("--allow-fp", "culprit", "image", tmp_path)[0] == 0


def test_a_segment_that_is_writable_and_executable_is_found(tmp_path):
    status, output = check("image", build(tmp_path, body='nop\n.section .both, "awx"\nnop'))
    assert status == 1 and "writable and executable" in output


def test_a_relocation_that_nobody_would_apply_is_found(tmp_path):
    body = "nop\n.data\n.quad elsewhere"
    status, output = check("image", build(tmp_path, link="-shared", body=body))
    assert status == 1
    assert "does only R_AARCH64_RELATIVE" in output and "is undefined" in output


def test_an_image_for_one_address_only_is_found(tmp_path):
    status, output = check("image", build(tmp_path, link="-no-pie"))
    assert status == 1 and "not a position-independent image" in output


WRONG_HEADERS = {
    "magic": ({"magic": "ARM0"}, "magic"),
    "no branch": ({"code0": "nop"}, "is a branch over the header"),
    "text_offset": ({"text_offset": "0x200000"}, "text_offset"),
    "image_size": ({"image_size": 8}, "says that it takes 0x8 bytes"),
    "big-endian": ({"flags": "0xb"}, "big-endian"),
    "page size": ({"flags": "0xc"}, "4 KiB pages"),
    "reserved flags": ({"flags": "0x1a"}, "reserved"),
}


@pytest.mark.parametrize("changes, complaint", WRONG_HEADERS.values(), ids=WRONG_HEADERS)
def test_a_wrong_image_header_is_found(tmp_path, changes, complaint):
    status, output = check("image", build(tmp_path, **changes))
    assert status == 1 and complaint in output


def compiled(folder, text):
    source, target = folder / "early.cc", folder / "early.o"
    source.write_text(text)
    subprocess.run([CROSS + "g++", "-g", "-O2", "-fPIE", "-c", str(source), "-o", str(target)], check=True)
    return target


def test_an_absolute_address_in_early_code_is_found(tmp_path):
    early = compiled(tmp_path, "int numbers[3]; int* const table[] = {&numbers[0], &numbers[2]};\n"
                               "int* pick(int i) { return table[i]; }")
    status, output = check("early", early)
    assert status == 1 and "holds an absolute address: " in output


def test_relative_addresses_and_debugging_sections_are_fine_in_early_code(tmp_path):
    assert check("early", compiled(tmp_path, "int numbers[3]; int* pick(int i) { return &numbers[i]; }"))[0] == 0
