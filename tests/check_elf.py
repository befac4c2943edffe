#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks what the compiler and linker made of the kernel, for what the sources cannot show.

  check_elf.py [--allow-fp FUNCTION]... image FOLDER...    each FOLDER holds meridian.elf and Image
  check_elf.py early OBJECT...

An image: no instruction touches an FP or SIMD register (they belong to the programs), no segment is
both writable and executable, every relocation left is one that relocate.cc can do, no symbol is
undefined, and the Image begins as QEMU and other loaders expect.

An early object is code that runs before the image has relocated itself: it holds no absolute
address, because that would still be the linked one, and takes none from the global offset table.
"""

import argparse
import os
import re
import struct
import subprocess
import sys

CROSS = os.environ.get("CROSS", "aarch64-linux-gnu-")

FP_REGISTER = re.compile(r"(?<![\w#.<+-])(?:[bhsdqvz](?:[12]?\d|3[01])|p(?:1[0-5]|\d))(?![\w(])")
SYMBOL = re.compile(r"[0-9a-f]+ <[^>]*>")  # a branch target: its address may look like d0
FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")

IMAGE_MAGIC = b"ARM\x64"
IMAGE_HEADER = struct.Struct("<IIQQQQQQ4sI")
PAGE_SIZE_4K = 1  # flags, bits 2:1
IMAGE_ALIGN = 0x20_0000


def tool(name, *arguments):
    """What binutils' `name` prints."""
    return subprocess.run([CROSS + name, *arguments], check=True, capture_output=True, text=True).stdout


def fp_instructions(elf, allowed):
    function = "?"
    for line in tool("objdump", "-d", "-C", "--no-show-raw-insn", elf).splitlines():
        named = FUNCTION.match(line)
        if named:
            function = named[1]
            continue
        text = line.partition("\t")[2].partition("//")[0]
        if function in allowed or text.startswith("."):  # .word: data between the instructions
            continue
        if FP_REGISTER.search(SYMBOL.sub("", text)):
            yield f"{function} touches an FP or SIMD register: {' '.join(text.split())}"


def writable_code(elf):
    for line in tool("readelf", "-lW", elf).splitlines():
        fields = line.split()
        if fields[:1] == ["LOAD"]:
            flags = "".join(fields[6:-1])
            if "W" in flags and "E" in flags:
                yield f"the segment at {fields[2]} is writable and executable"


def relocations(path):
    """(section it applies to, type, symbol) of each relocation in the file."""
    section = ""
    for line in tool("readelf", "-rW", path).splitlines():
        heading = re.match(r"Relocation section '(?:\.rela?)?(.*)' at", line)
        if heading:
            section = heading[1]
            continue
        entry = re.match(r"[0-9a-f]+\s+[0-9a-f]+\s+(R_AARCH64_\w+)\s*(.*)", line)
        if entry:
            yield section, entry[1], entry[2]


def foreign_relocations(elf):
    for _, kind, what in relocations(elf):
        if kind not in ("R_AARCH64_RELATIVE", "R_AARCH64_RELATIV"):  # readelf cuts it short
            yield f"relocation {kind} {what}: relocate.cc does only R_AARCH64_RELATIVE"


def fixed_place(elf):
    # The linker marks a PIE whose first address is not 0 as EXEC in the header, so ask elsewhere.
    if not re.search(r"\(FLAGS_1\).*\bPIE\b", tool("readelf", "-dW", elf)):
        yield "not a position-independent image: it cannot relocate itself"


def undefined_symbols(elf):
    for line in tool("readelf", "-sWC", elf).splitlines():
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[6] == "UND":
            yield f"{fields[7]} is undefined"


def is_branch(word):
    return word >> 26 == 0b000101


def image_header(image):
    """Linux's Documentation/arm64/booting.rst says what each field means."""
    with open(image, "rb") as file:
        start = file.read(IMAGE_HEADER.size)
    if len(start) < IMAGE_HEADER.size:
        yield "the Image is shorter than its header"
        return
    code0, code1, text_offset, image_size, flags, _, _, _, magic, _ = IMAGE_HEADER.unpack(start)
    if magic != IMAGE_MAGIC:
        yield f"the Image's magic is {magic!r}"
        return
    if not is_branch(code0) and not is_branch(code1):
        yield "neither of the Image's first two instructions is a branch over the header"
    if text_offset >= IMAGE_ALIGN or text_offset % 4096:
        yield f"the Image's text_offset is {text_offset:#x}"
    if image_size < os.path.getsize(image):
        yield f"the Image says that it takes {image_size:#x} bytes, and holds {os.path.getsize(image):#x}"
    if flags & 1:
        yield "the Image says that it is big-endian"
    if flags >> 1 & 3 != PAGE_SIZE_4K:
        yield f"the Image's flags {flags:#x} do not say 4 KiB pages"
    if flags >> 4:
        yield f"the Image's flags {flags:#x} have reserved bits set"


def check_image(folder, allowed):
    elf = os.path.join(folder, "meridian.elf")
    for check in (fixed_place, writable_code, foreign_relocations, undefined_symbols):
        yield from check(elf)
    yield from fp_instructions(elf, allowed)
    yield from image_header(os.path.join(folder, "Image"))


def check_early(path):
    """Only what is loaded counts: debugging sections have absolute addresses too."""
    loaded = set()
    for line in tool("readelf", "-SW", path).splitlines():
        fields = re.sub(r"^\s*\[\s*\d+\]\s*", "", line).split()
        if len(fields) >= 10 and "A" in fields[6]:
            loaded.add(fields[0])
    for section, kind, what in relocations(path):
        if section in loaded and (kind.startswith("R_AARCH64_ABS") or "GOT" in kind):
            yield f"{section} holds an absolute address: {what}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("image", "early"))
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--allow-fp", action="append", default=[], metavar="FUNCTION")
    options = parser.parse_args()
    wrong = 0
    for path in options.paths:
        problems = check_image(path, options.allow_fp) if options.what == "image" else check_early(path)
        for problem in problems:
            print(f"{path}: {problem}")
            wrong += 1
    print(f"elf: {options.what}, {len(options.paths)} checked, {wrong} problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
