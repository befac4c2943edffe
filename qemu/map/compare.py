# SPDX-License-Identifier: MIT
"""What the shell's `compare` prints, as data: the address spaces, the ranges that can be drawn, and the other facts."""

import re

# How the ranges begin in the table, and what they are called in the drawing. The first one that matches counts.
RANGES = {"user half": "user", "kernel half": "kernel", "hole between": "hole", "direct map": "direct map",
          "vmalloc": "vmalloc", "frame table": "frame table", "pkmap": "pkmap", "fixmap": "fixmap", "image": "image"}
BITS = "bits of an entry"


def blocks_of(output):
    """[(title, [lines])], from the first line of the table on."""
    text = output.replace("\r", "")[output.index("compare: "):]
    return [(block.splitlines()[0], block.splitlines()[1:]) for block in text.strip().split("\n\n")]


def rows_of(lines):
    """[(names, value)] of lines such as "* arm64, arm64-39   ASID"."""
    return [(re.split(r", ", names.strip()), value) for names, value in
            (re.fullmatch(r"[* ] (.+?) {2,}(.+)", line).groups() for line in lines)]


def range_of(value, name):
    """{"first", "last", "size"} of "c0000000-f7ffffff  896M"; an address alone is an image's; None for words."""
    found = re.match(r"([0-9a-f]{8,16})(?:-([0-9a-f]{8,16})  (\S+))?$", value)
    if not found:
        return None
    first, last, size = found.groups()
    return {"name": name, "first": first, "last": last or first, "size": size or ""}


def columns_of(title, lines):
    """The table of bits: its columns begin where those of its heading do."""
    starts = [0] + [match.end() for match in re.finditer(r" {2,}", title)]
    ends = starts[1:] + [None]
    return [[line[start:end].strip() for start, end in zip(starts, ends)] for line in (title, *lines)]


def data(output):
    (_, introduced), *blocks = blocks_of(output)
    running = next(line.split()[1] for line in introduced if line.startswith("*"))
    spaces = [{"name": names[0], "text": value, "ranges": []} for names, value in rows_of(introduced)]
    facts, bits, note = [], [], ""
    for title, lines in blocks:
        if title.startswith(BITS):
            bits = columns_of(title, lines)
        elif not lines:
            note = title
        elif known := next((name for start, name in RANGES.items() if title.startswith(start)), None):
            found = {name: range_of(value, known) for names, value in rows_of(lines) for name in names}
            for space in spaces:
                if found.get(space["name"]):
                    space["ranges"].append(found[space["name"]])
            facts.append({"title": title, "rows": rows_of(lines)})
        else:
            facts.append({"title": title, "rows": rows_of(lines)})
    return {"spaces": spaces, "running": running, "facts": facts, "bits": bits, "note": note}
