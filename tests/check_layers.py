#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Keeps the tree in the shape that README.md draws: who may include whom, where assembly may stand,
and that the include path picks the architecture, never an #ifdef.

  check_layers.py [TOP]     prints `file:line: what is wrong` for each violation; fails if there is one
"""

import os
import re
import sys
from typing import NamedTuple


class Layer(NamedTuple):
    """A part of the tree: the paths that belong to it and the parts that it may include besides
    itself. A path that ends in / is a folder with all below it; one that ends in /* is the files
    right in a folder; else it is one file."""

    name: str
    paths: tuple
    may_include: tuple = ()
    arch_headers: tuple = ()  # when it may include only some of <arch/...>


# Lowest first. The first layer with a matching path owns a file.
ARCH = "arch/aarch64"
PURE = ("lib", "addresses", "attributes")
LAYERS = (
    Layer("lib", ("kernel/lib/",)),
    Layer("addresses", ("mm/*", "mm/layout/"), ("lib",)),
    Layer("attributes", ("mm/paging/attributes.h", "mm/paging/format.h"), ("lib", "addresses")),
    Layer("vmsa", (f"{ARCH}/vmsa/", f"{ARCH}/regs/", f"{ARCH}/abi/"), PURE),
    Layer("hw", (f"{ARCH}/hw/",), PURE + ("vmsa",)),
    Layer("engine", ("mm/paging/",), PURE),
    Layer("arch", (f"{ARCH}/include/arch/",), PURE + ("vmsa", "hw", "engine")),
    Layer("devicetree", ("kernel/devicetree/",), ("lib", "addresses")),
    Layer("sync", ("kernel/sync/", "kernel/log/", "kernel/console/"), ("lib", "arch"), ("irq.h", "cpu.h")),
    Layer("mm", ("mm/frames/", "mm/slab/", "mm/kernel/", "mm/user/"), PURE + ("engine", "arch", "sync")),
    # What the machine may call up into, and all that it may.
    Layer("entry", ("kernel/entry.h",), ("lib", "addresses")),
    Layer("kernel", ("kernel/",),
          PURE + ("engine", "arch", "devicetree", "sync", "mm", "entry")),
    Layer("machine", (f"{ARCH}/boot/", f"{ARCH}/trap/", f"{ARCH}/cpu/", f"{ARCH}/virt/", f"{ARCH}/*"),
          PURE + ("vmsa", "hw", "engine", "arch", "devicetree", "sync", "mm", "entry")),
)

# Freestanding headers of libstdc++, and a few more that need nothing of a C library but memcpy and
# its like, which the kernel has.
STANDARD_HEADERS = set(
    "algorithm array atomic bit cfloat climits compare concepts coroutine cstdarg cstddef cstdint "
    "cstring functional initializer_list iterator limits memory new numeric optional ranges "
    "source_location span string_view tuple type_traits utility variant version".split()
)

SOURCES = (".h", ".cc", ".S")
SOURCE_FOLDERS = ("arch", "kernel", "mm", "tests/kernel", "tests/support", "tests/unit")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b(.*)")
ARCHITECTURE = re.compile(r"\b(__aarch64__|__arm__|__ARM_\w+|__x86_64__|__amd64__|__i386__|__riscv\w*)")
ASM = re.compile(r"\b(asm|__asm|__asm__)\b")
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def owner(path):
    """The layer that a file belongs to, or None."""
    for layer in LAYERS:
        for pattern in layer.paths:
            if pattern.endswith("/*"):
                if os.path.dirname(path) == pattern[:-2]:
                    return layer
            elif path == pattern or pattern.endswith("/") and path.startswith(pattern):
                return layer
    return None


def code_only(text):
    """The text without comments and strings, and with all its line ends."""
    return COMMENT_OR_TEXT.sub(lambda found: "\n" * found[0].count("\n"), text)


def arch_header_path(name):
    """<arch/cpu.h> stands for the file that the include path leads to."""
    return f"{ARCH}/include/{name}"


def check_test_include(path, name):
    """Tests may include what they test, but an architecture only where it is what they test."""
    if not name.startswith(f"{ARCH}/"):
        return None
    if path.startswith("tests/kernel/"):
        allowed = path.startswith("tests/kernel/arch/")
    else:  # on this computer only the parts without assembly can be tested
        allowed = name.startswith((f"{ARCH}/vmsa/", f"{ARCH}/regs/", f"{ARCH}/abi/"))
    return None if allowed else f'"{name}" names an architecture; go through <arch/...>'


def check_layer_include(path, quote, name):
    """What is wrong with this include of a kernel file, or None."""
    mine = owner(path)
    if mine is None:
        return "this file belongs to no layer; give it one in tests/check_layers.py"
    if quote == "<":
        if name in STANDARD_HEADERS:
            return None
        if name.startswith("generated/"):
            return None if path.startswith(ARCH) else f"<{name}> is for {ARCH} only"
        if not name.startswith("arch/"):
            return f"<{name}> is not a freestanding header"
        if mine.arch_headers and name[len("arch/"):] not in mine.arch_headers:
            return f"layer {mine.name} may include only <arch/{{{','.join(mine.arch_headers)}}}>"
        target = arch_header_path(name)
    else:
        target = name
        if target.startswith(ARCH) and not path.startswith(ARCH):
            return f'"{name}" names an architecture; go through <arch/...>'
    theirs = owner(target)
    if theirs is None:
        return f'"{name}" belongs to no layer; write its path from the top of the tree'
    if theirs is not mine and theirs.name not in mine.may_include:
        return f'layer {mine.name} may not include "{name}" (layer {theirs.name})'
    return None


def violations(path, text):
    """(line, what is wrong) for each violation in one file."""
    in_tests = path.startswith("tests/")
    for line, content in enumerate(text.splitlines(), 1):
        include = INCLUDE.match(content)
        if include and in_tests:
            wrong = check_test_include(path, include[2])
        elif include:
            wrong = check_layer_include(path, include[1], include[2])
        else:
            conditional = CONDITIONAL.match(content)
            found = conditional and ARCHITECTURE.search(conditional[2])
            wrong = f"#{conditional[1]} on {found[1]}: the include path picks the architecture" if found else None
        if wrong:
            yield line, wrong

    if path.endswith(".S"):
        if not path.startswith(("arch/", "tests/")):
            yield 1, "assembly outside arch/"
        return
    if path.startswith(f"{ARCH}/hw/") or path == f"{ARCH}/asm_offsets.cc":
        return
    for line, content in enumerate(code_only(text).splitlines(), 1):
        if ASM.search(content):
            yield line, f"asm outside {ARCH}/hw"


def sources(top):
    for folder in SOURCE_FOLDERS:
        for where, folders, names in os.walk(os.path.join(top, folder)):
            folders.sort()
            for name in sorted(names):
                if name.endswith(SOURCES):
                    yield os.path.relpath(os.path.join(where, name), top)


def main(arguments):
    top = arguments[0] if arguments else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    files = wrong = 0
    for path in sources(top):
        files += 1
        with open(os.path.join(top, path), encoding="utf-8") as source:
            for line, what in violations(path, source.read()):
                print(f"{path}:{line}: {what}")
                wrong += 1
    print(f"layers: {files} files, {wrong} violations")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
