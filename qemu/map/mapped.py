# SPDX-License-Identifier: MIT
"""What is mapped, as the rows of a drawing: what it is for, who may do what, and the frames behind it."""

from typing import NamedTuple

from physical import targets
from scale import magnitude, place, size_text
from shell_texts import PAGE, Area

MOST_ROWS = 22  # if there are more, neighbours of one name become one
MOST_STACK = 8 << 20  # bytes from a program's stack pointer on that are its stack


class Names:
    """What mapped memory is for: from the areas of the kernel, the program's file, and what lies where in RAM."""

    def __init__(self, areas, resources, program):
        self._areas, self._resources, self._program = areas, resources, program

    def area(self, va):
        return next((area for area in self._areas if area.first <= va <= area.last), None)

    def resource(self, pa):
        return next((r for r in reversed(self._resources) if r.holds(pa) and r.name != "System RAM"), None)

    def name(self, region, va, pa, rights):
        if region.kind == "user":
            return self._of_program(va, rights)
        area, there = self.area(va), self.resource(pa)
        if area:
            return {"ioremap": there.name if there else "device", "stack": "kernel stack",
                    "image": area.caller}.get(area.kind, area.kind)
        title = region.title.partition(" and ")[0]
        if title == "linear map":
            return title if rights == "rw" or not there else f"{title}: {there.name.lower()}"
        return there.name if there else title

    def _of_program(self, va, rights):
        program = self._program
        if program is None:
            return "program"
        if abs(va - program["stack"]) < MOST_STACK:
            return f"{program['name']}: stack"
        for start, end, writable in program["segments"]:
            if start & -PAGE <= va < end:
                return f"{program['name']}: " + ("data" if writable else "text" if rights == "rx" else "rodata")
        return f"{program['name']}: heap"


def joined(ranges):
    """Ranges (first, last), with neighbours made one."""
    result = []
    for first, last in ranges:
        if result and result[-1][1] + 1 == first:
            result[-1][1] = last
        else:
            result.append([first, last])
    return result


class SegmentKey(NamedTuple):
    """What all pages of a row have in common."""

    region: int
    area: Area
    name: str
    rights: str
    el1: str
    el0: str


class Segments:
    """What is mapped, as rows: runs of one region (or area) and with the same rights that follow each other. A
    program's memory has gaps where it has not touched a page yet: they do not make a new row."""

    def __init__(self, regions, names):
        self._regions, self._names = regions, names
        self._all = []

    def add(self, run, words):
        number, region = next((number, region) for number, region in enumerate(self._regions)
                              if region.first <= run.start <= region.last)
        area = self._names.area(run.start)
        name = self._names.name(region, run.start, run.physical, words["rights"])
        key = SegmentKey(number, area, name, words["rights"], words["el1"], words["el0"])
        newest = self._all[-1] if self._all else None
        if newest and newest["key"] == key and (area or region.kind == "user" or newest["last"] + 1 == run.start):
            newest["runs"].append(run)
            newest["last"] = run.last
        else:
            self._all.append({"key": key, "first": run.start, "last": run.last, "runs": [run], "words": words})

    def data(self, physical):
        """The rows; `physical` are the items that their frames are in."""
        if not self._all:
            return []
        if len(self._all) > MOST_ROWS:
            self._join_namesakes()
        heights = [24 + magnitude(segment["last"] - segment["first"] + 1, 1 << 20) for segment in self._all]
        return [self._row(segment, physical) | {"y": y, "height": height}
                for segment, (y, height) in zip(self._all, place(heights, 4))]

    def _join_namesakes(self):
        joined_rows = []
        for segment in self._all:
            newest = joined_rows[-1] if joined_rows else None
            if newest and newest["key"]._replace(area=None) == segment["key"]._replace(area=None):
                newest["runs"] += segment["runs"]
                newest["last"] = segment["last"]
            else:
                joined_rows.append(segment)
        self._all = joined_rows

    @staticmethod
    def _row(segment, physical):
        leaves = {}
        for run in segment["runs"]:
            what = size_text(run.entry.span)
            leaves[what] = leaves.get(what, 0) + run.size // run.entry.span
        region, area, name, rights, el1, el0 = segment["key"]
        frames = joined((run.physical, run.physical + run.size - 1) for run in segment["runs"])
        user = segment["words"]["user"]
        return {"first": f"{segment['first']:016x}", "last": f"{segment['last']:016x}", "name": name,
                "region": region, "rights": rights, "user": user, "may": el0 if user else el1, "el1": el1, "el0": el0,
                "bytes": size_text(sum(run.size for run in segment["runs"])), "leaves": leaves,
                "caller": area.caller if area and area.kind != "image" else "", "text": segment["words"]["text"],
                "frames": [[f"{first:x}", f"{last:x}"] for first, last in frames],
                "targets": targets(frames, physical)}
