#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Draws the address space of a running machine: `make map` calls it (README.md).

  make_map.py FOLDER          records the machine under each layout, the chosen LAYOUT first; writes map.html, a
                              map-LAYOUT.svg for each, and compare.html
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

LAYOUTS = ("arm64", "arm64-39", "x86-64", "i386")
MACHINE = {"MEM": "2G"}  # so that i386 has HIGHMEM, and 64-bit layouts a block of 1 GiB


def chosen():
    """The machine's variables that a person has set, over our own."""
    return {**os.environ, **MACHINE, **{name: os.environ[name] for name in MACHINE if os.environ.get(name)}}


def models(layouts, environment):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda layout: model.build(record.record(layout, environment)), layouts))


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print(path)


def main(folder):
    first = os.environ.get("LAYOUT") or LAYOUTS[0]
    layouts = (first, *(layout for layout in LAYOUTS if layout != first))
    made = models(layouts, chosen())
    os.makedirs(folder, exist_ok=True)
    for each in made:
        write(os.path.join(folder, f"map-{each['layout']}.svg"), svg.draw(each, page.SHOWN))
    write(os.path.join(folder, "map.html"), page.page(made))
    said = record.ask(first, chosen(), "compare")
    write(os.path.join(folder, "compare.html"), page.compare_page(compare.data(said)))


if __name__ == "__main__":
    main(sys.argv[1])
