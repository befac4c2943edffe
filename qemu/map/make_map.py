#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Draws the address space of running machines: `make map` and `make map-picture` call it (README.md).

  make_map.py pages FOLDER    records a machine under each layout, the chosen LAYOUT first; writes map.html, a
                              map-LAYOUT.svg for each, and compare.html
  make_map.py picture FILE    the picture that the project's README opens with: of one machine, whatever a person chose
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "qemu"), os.path.join(TOP, "qemu/gdb")]

import compare  # noqa: E402
import model  # noqa: E402
import page  # noqa: E402
import record  # noqa: E402
import svg  # noqa: E402
from session import NoPrompt  # noqa: E402

LAYOUTS = ("arm64", "arm64-39", "x86-64", "i386")
RAM = "2G"  # unless a person chose: so that i386 has HIGHMEM, and the 64-bit layouts a block of 1 GiB
# What a person may have chosen does not count for the README's picture.
VARIABLES = "APPEND CPU CPUS DTB EL GIC ICOUNT INITRD KERNEL MEM POISON QEMU_ARGS".split()
MACHINE = {"MEM": RAM, "ICOUNT": "1"}


def models(layouts, environment):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda layout: model.build(record.record(layout, environment)), layouts))


def picture():
    """The README's picture. With ICOUNT=1 and fixed variables the same kernel gives the same one."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES} | MACHINE
    return svg.draw(*models(LAYOUTS[:1], environment), page.SHOWN)


def pages():
    """{file name: text} of all that `make map` makes."""
    environment = {**os.environ, "MEM": os.environ.get("MEM") or RAM}
    first = os.environ.get("LAYOUT") or LAYOUTS[0]
    made = models((first, *(layout for layout in LAYOUTS if layout != first)), environment)
    compared = compare.data(record.ask(first, environment, "compare"))
    return {"map.html": page.page(made), "compare.html": page.compare_page(compared),
            **{f"map-{each['layout']}.svg": svg.draw(each, page.SHOWN) for each in made}}


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print(path)


def main(what, where):
    if what == "picture":
        return write(where, picture())
    os.makedirs(where, exist_ok=True)
    for name, text in pages().items():
        write(os.path.join(where, name), text)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (NoPrompt, record.UnknownLayout) as problem:
        sys.exit(f"make_map.py: {problem}")
