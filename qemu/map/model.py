# SPDX-License-Identifier: MIT
"""What the pictures show, made of a recording (record.py). build() gives plain data, fit for JSON, for all drawings.
Addresses are hexadecimal digits, because a number of JavaScript's holds 53 bits."""

import re

import dump
import sysregs
from descriptor import LAST_LEVEL, TABLE, entry_shift
from mapped import Names, Segments
from physical import named, overlaid, physical_data
from recorded_tables import Memory, Tables, Words
from scale import HEIGHT, magnitude, place, size_text
from shell_texts import PAGE, areas_of, pieces_of, regions_of, resources_of
from walk import Half, walk


def region_data(regions):
    heights = [24 + 0.6 * magnitude(region.size, PAGE) for region in regions]
    return [{"first": f"{region.first:016x}", "last": f"{region.last:016x}", "name": region.name, "title": region.title,
             "kind": region.kind, "size": size_text(region.size), "y": y, "height": height}
            for region, (y, height) in zip(regions, place(heights))]


def frames_of(run):
    return range(run.physical, run.physical + run.size, PAGE)


def half_data(half):
    return {"root": f"{half.root:x}", "asid": half.asid, "bits": half.va_bits, "level": half.first_level,
            "first": f"{half.first:016x}", "last": f"{half.last:016x}"}


def halves_of(moment):
    registers = moment["registers"]
    return {name: Half.of(name, registers["TCR_EL1"], registers[root])
            for name, root in (("low", "TTBR0_EL1"), ("high", "TTBR1_EL1"))}


def step_data(step, high):
    """A step of a walk in words; it is chosen by the address's bits from `high` down."""
    entry = step.entry
    if entry.kind == TABLE:
        what, note = "table", "names the next table"
    else:
        what = f"{'page' if entry.level == LAST_LEVEL else size_text(entry.span) + ' block'} {entry.output:#x}"
        note = f"EL1 {entry.el1_rights(step.limits)}, EL0 {entry.el0_rights(step.limits)}"
    return {"level": entry.level, "index": step.index, "what": what, "note": note, "high": high,
            "low": entry_shift(entry.level)}


class Builder:
    """The model of one recording."""

    def __init__(self, recording):
        self._recording = recording
        self._regions = regions_of(recording["texts"]["layout"])
        self._resources = resources_of(recording["texts"]["iomem"])
        self._words = Words()
        self._taken = {}
        self._tables = Tables(self._words)

    def build(self):
        moments = [self._moment(moment) for moment in self._recording["moments"]]
        return {"layout": self._recording["layout"], "machine": self._recording["machine"], "height": HEIGHT,
                "regions": region_data(self._regions), "shown": self._shown(self._recording["moments"][0]),
                "moments": moments, "tables": self._tables.all, "words": self._words.all}

    def _shown(self, moment):
        """The walk to where the kernel's image begins, in words."""
        va = int(re.search(r"^kernel image +0x([0-9a-f]+)-", self._recording["texts"]["layout"], re.MULTILINE)[1], 16)
        half = halves_of(moment)["high"]
        found = walk(half, Memory(moment["tables"]["high"]), va)
        highs = [half.va_bits - 1] + [entry_shift(step.entry.level) - 1 for step in found.steps]
        return {"va": f"{va:016x}", "what": "where the kernel's image begins", "bits": half.va_bits,
                "top": "all ones", "root": "TTBR1", "steps": [step_data(*pair) for pair in zip(found.steps, highs)],
                "offset": f"{va % found.steps[-1].entry.span:#x}", "physical": f"{found.physical:#x}"}

    def _moment(self, moment):
        halves, types = halves_of(moment), sysregs.memory_types(moment["registers"]["MAIR_EL1"])
        runs = {name: list(dump.runs(half, Memory(moment["tables"][name]))) for name, half in halves.items()}
        names = Names(areas_of(moment["vmallocinfo"]), self._resources, moment.get("program"))
        segments = Segments(self._regions, names)
        for run in runs["low"] + runs["high"]:
            segments.add(run, self._words.all[self._words.number(run.entry, run.limits, types)])
        pieces = overlaid(pieces_of(moment["frames"]), self._taken_by(moment, runs, names))
        physical = physical_data(list(named(pieces, self._resources)), self._resources)
        tables = {name: self._tables.numbers(moment["tables"][name], half, types) for name, half in halves.items()}
        return {**{key: moment[key] for key in ("id", "action", "title", "command", "said")},
                "halves": {name: half_data(half) for name, half in halves.items()},
                "tables": tables["low"] | tables["high"], "segments": segments.data(physical), "physical": physical}

    def _taken_by(self, moment, runs, names):
        """{frame: owner} of what was taken while the shell could not be asked: the tables of the program say so, and
        the kernel's where they lead to an area that the shell does not know."""
        if "program" not in moment:
            self._taken = {}
            return {}
        areas = next(region for region in self._regions if region.title.startswith("vmalloc"))
        new = (run for run in runs["high"] if areas.first <= run.start <= areas.last and not names.area(run.start))
        self._taken |= {frame: "user" for run in runs["low"] for frame in frames_of(run)}
        self._taken |= {frame: "vmalloc" for run in new for frame in frames_of(run)}
        self._taken |= dict.fromkeys(moment["tables"]["low"], "table")
        return self._taken


def build(recording):
    return Builder(recording).build()
