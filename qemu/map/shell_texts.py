# SPDX-License-Identifier: MIT
"""What the kernel's shell says of memory, taken apart: layout, vmallocinfo, iomem, frames."""

import re
from typing import NamedTuple

PAGE = 4096
FREE = "free"


class Region(NamedTuple):
    """A line of layout."""

    first: int
    last: int
    name: str
    kind: str  # user, hole, idle (guards and what is unused), kernel

    @property
    def size(self):
        return self.last - self.first + 1

    @property
    def title(self):
        return re.sub(r"( \(.*\)|;.*)$", "", self.name)


def kind_of(name, above_the_hole):
    if name.startswith("hole"):
        return "hole"
    if re.search(r"^guard|\(unused\)|nobody's here", name):
        return "idle"
    return "kernel" if above_the_hole else "user"


def regions_of(layout):
    """The regions that the shell's `layout` lists."""
    found, above = [], False
    for first, last, name in re.findall(r"^([0-9a-f]{16})-([0-9a-f]{16}) +~?\d+[KMGTPE]  (.+)$", layout, re.MULTILINE):
        kind = kind_of(name, above)
        above |= kind == "hole"
        found.append(Region(int(first, 16), int(last, 16), name, kind))
    return found


class Area(NamedTuple):
    """A line of vmallocinfo, without the guard page that it counts."""

    first: int
    last: int
    caller: str
    kind: str
    physical: int


def areas_of(vmallocinfo):
    found = []
    for first, end, what in re.findall(r"^0x([0-9a-f]{16})-0x([0-9a-f]{16}) +\d+ (.+)$", vmallocinfo, re.MULTILINE):
        words = re.fullmatch(r"(.+?)(?: pages=\d+)?(?: phys=0x([0-9a-f]+))? (\w+)", what)
        guard = 0 if words[3] == "image" else PAGE
        found.append(Area(int(first, 16), int(end, 16) - guard - 1, words[1], words[3],
                          int(words[2], 16) if words[2] else None))
    return found


class Resource(NamedTuple):
    """A line of iomem."""

    first: int
    last: int
    name: str
    depth: int

    def holds(self, address):
        return self.first <= address <= self.last


def resources_of(iomem):
    return [Resource(int(first, 16), int(last, 16), name, len(depth) // 2) for depth, first, last, name in
            re.findall(r"^( *)([0-9a-f]+)-([0-9a-f]+) : (.+)$", iomem, re.MULTILINE)]


class Piece(NamedTuple):
    """A line of frames, or a part of one."""

    first: int
    last: int
    owner: str
    zone: str

    @property
    def size(self):
        return self.last - self.first + 1


def pieces_of(frames):
    """The runs of the shell's `frames`; a cached frame is a free one."""
    return [Piece(int(first, 16), int(last, 16), FREE if owner.startswith(FREE) else owner, zone) for
            first, last, zone, owner in
            re.findall(r"^([0-9a-f]{16})-([0-9a-f]{16}) +\d+ +(\w+)  ([a-z() ]+)$", frames, re.MULTILINE)]
