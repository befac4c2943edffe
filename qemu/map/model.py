# SPDX-License-Identifier: MIT
"""What the pictures show, made of a recording (record.py): regions, what is mapped in them, who has physical memory.

build() gives plain data, fit for JSON, for both drawings. Addresses are 16 hexadecimal digits, because a number of
JavaScript's holds 53 bits. `y` and `height` are places in a drawing of HEIGHT units that all columns share: low
addresses at the top, sizes by their logarithm, so that a guard page can be seen beside 16 EiB.
"""

import math
import re
from typing import NamedTuple

import dump
import sysregs
from descriptor import LAST_LEVEL, TABLE, Descriptor, Limits, entry_shift, output_mask
from walk import Half, Unreadable, walk

PAGE = 4096
HEIGHT = 720
SMALL = 4 << 20  # pieces of physical memory below this are drawn together with their neighbours
MOST_ROWS = 22  # of what is mapped: if there are more, neighbours of one name become one
FREE = "free"


def hex16(address):
    return f"{address:016x}"


def size_text(size):
    """A size in the largest unit that it has at least one of; "~" before it if it is rounded."""
    unit = min((size.bit_length() - 1) // 10, 6)
    value = size / (1 << 10 * unit)
    number = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return f"{'' if value.is_integer() else '~'}{number}{'BKMGTPE'[unit]}"


def place(heights, gap=0):
    """[(y, height)] of things one under the other, stretched in proportion to fill HEIGHT."""
    factor = (HEIGHT - gap * (len(heights) - 1)) / sum(heights)
    places, y = [], 0
    for height in heights:
        places.append((round(y, 1), round(height * factor, 1)))
        y += height * factor + gap
    return places


def magnitude(size, unit):
    """How many times `size` is twice `unit`, roughly: pictures must not change with every byte of the kernel."""
    return max(0, round(math.log2(size / unit)))


# ---- Regions ----

class Region(NamedTuple):
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


def region_data(regions):
    heights = [24 + 0.6 * magnitude(region.size, PAGE) for region in regions]
    return [{"first": hex16(region.first), "last": hex16(region.last), "name": region.name, "title": region.title,
             "kind": region.kind, "size": size_text(region.size), "y": y, "height": height}
            for region, (y, height) in zip(regions, place(heights))]


# ---- Tables ----

class Memory:
    """The recorded tables of one half, as memory that dump.runs() reads."""

    def __init__(self, tables):
        self._tables = tables

    def read(self, address, size):
        table = self._tables.get(address & -PAGE)
        if table is None:
            raise Unreadable(address)
        start = (address & PAGE - 1) // 8
        return b"".join(table["words"].get(start + slot, 0).to_bytes(8, "little") for slot in range(size // 8))


class Words:
    """What entries say, in words: each wording once, with the number that entries refer to it by."""

    def __init__(self):
        self.all, self._numbers = [], {}

    def number(self, entry, limits, types):
        bits = entry.raw & ~output_mask(entry.page_shift)
        key = (entry.level, bits, limits, tuple(types))
        if key not in self._numbers:
            self._numbers[key] = len(self.all)
            self.all.append(self._describe(entry, limits, types))
        return self._numbers[key]

    @staticmethod
    def _describe(entry, limits, types):
        if entry.kind != dump.LEAF:
            return {"kind": entry.kind, "what": entry.kind, "text": ", ".join(entry.limits.words())}
        what, *rest = entry.words(types, limits).split(", ")
        el1, el0 = entry.el1_rights(limits), entry.el0_rights(limits)
        device = types[entry.attr_index].startswith("device")
        rights = "rx" if el1.execute or el0.execute else "dev" if device else "rw" if el1.write or el0.write else "ro"
        return {"kind": "leaf", "what": what.partition(" 0x")[0], "text": ", ".join(rest), "el1": str(el1),
                "el0": str(el0), "rights": rights, "user": entry.user}


class Tables:
    """All tables that any moment knew: each content once, with the number that moments refer to it by."""

    def __init__(self, words):
        self.all, self._numbers, self._words = [], {}, words

    def numbers(self, recorded, half, types):
        """{address: number} of the tables of one half; their entries in words, with what tables above take away."""
        numbers, waiting = {}, [(half.root, Limits())]
        while waiting:
            address, limits = waiting.pop()
            table = recorded[address]
            entries = [(index, Descriptor(word, table["level"], half.page_shift))
                       for index, word in sorted(table["words"].items())]
            numbers[f"{address:x}"] = self._number(table["level"], entries, limits, types)
            if table["level"] < LAST_LEVEL:
                waiting += [(entry.output, limits | entry.limits) for _, entry in entries if entry.kind == TABLE]
        return numbers

    def _number(self, level, entries, limits, types):
        packed = tuple((index, f"{entry.raw:x}", self._words.number(entry, limits, types)) for index, entry in entries)
        key = (level, packed)
        if key not in self._numbers:
            self._numbers[key] = len(self.all)
            self.all.append({"level": level, "entries": packed})
        return self._numbers[key]


# ---- What is mapped ----

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
        if abs(va - program["stack"]) < (8 << 20):
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
        return {"first": hex16(segment["first"]), "last": hex16(segment["last"]), "name": name,
                "region": region, "rights": rights, "user": user, "may": el0 if user else el1, "el1": el1, "el0": el0,
                "bytes": size_text(sum(run.size for run in segment["runs"])), "leaves": leaves,
                "caller": area.caller if area and area.kind != "image" else "", "text": segment["words"]["text"],
                "frames": [[f"{first:x}", f"{last:x}"] for first, last in frames],
                "targets": targets(frames, physical)}


# ---- Physical memory ----

class Piece(NamedTuple):
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


def overlaid(pieces, frames):
    """The pieces, with {address: owner} of single frames put over what was free."""
    result = []
    for piece in pieces:
        at = piece.first
        inside = sorted(frame for frame in frames if piece.first <= frame <= piece.last) if piece.owner == FREE else ()
        for frame in inside:
            if frame > at:
                result.append(piece._replace(first=at, last=frame - 1))
            result.append(Piece(frame, frame + PAGE - 1, frames[frame], piece.zone))
            at = frame + PAGE
        if at <= piece.last:
            result.append(piece._replace(first=at))
    return result


def named(pieces, resources):
    """Reserved memory under the name that iomem has for it."""
    for piece in pieces:
        there = next((r for r in resources if r.depth and r.holds(piece.first)), None)
        yield piece._replace(owner=there.name) if there and piece.owner == "reserved" else piece


def merged(pieces):
    result = []
    for piece in pieces:
        if result and piece == (result[-1].last + 1, piece.last, result[-1].owner, result[-1].zone):
            result[-1] = result[-1]._replace(last=piece.last)
        else:
            result.append(piece)
    return result


def groups(pieces, alone, small_size):
    """Lists of pieces that are drawn as one: what is in use, with the gaps below `small_size` between, of one zone.
    `alone` are the owners whose memory stands by itself."""
    result, group = [], []

    def close():
        rest = []
        while group and group[-1].owner == FREE:
            rest.insert(0, group.pop())
        if group:
            result.append(list(group))
        result.extend([piece] for piece in rest)
        group.clear()

    for piece in pieces:
        small = piece.size < small_size and piece.owner not in alone
        if group and not (small and group[0].zone == piece.zone):
            close()
        if small and (group or piece.owner != FREE):
            group.append(piece)
        else:
            result.append([piece])
    close()
    return result


def joined_free(items):
    """A free remainder of a group belongs to the free memory behind it."""
    result = []
    for item in items:
        before = result[-1] if result else None
        if before and len(item) == len(before) == 1 and merged([before[0], item[0]]) != [before[0], item[0]]:
            result[-1] = merged([before[0], item[0]])
        else:
            result.append(item)
    return result


def stripes(item, y, height):
    """A group's owners, each with its share of the drawn height."""
    owners = {}
    for piece in item:
        owners[piece.owner] = owners.get(piece.owner, 0) + piece.size // PAGE
    used = sorted(owner for owner in owners if owner != FREE or len(item) == 1)
    each = height / len(used)
    return [{"owner": owner, "frames": owners[owner], "y": round(y + number * each, 1), "height": round(each, 1)}
            for number, owner in enumerate(used)]


def item_data(item, y, height):
    return {"first": f"{item[0].first:x}", "last": f"{item[-1].last:x}", "zone": item[0].zone,
            "size": size_text(item[-1].last - item[0].first + 1),
            "free": sum(piece.size // PAGE for piece in item if piece.owner == FREE), "y": y, "height": height,
            "stripes": stripes(item, y, height),
            "pieces": [[f"{piece.first:x}", f"{piece.last:x}", piece.owner] for piece in item]}


def natural_height(item):
    owners = len({piece.owner for piece in item} - {FREE}) or 1
    return 6 + 4 * magnitude(item[-1].last - item[0].first + 1, 4 << 20) + 16 * owners


def all_items(devices, pieces, alone):
    """Items and their heights: joined more boldly the more scattered memory is, until they fit the drawing."""
    small_size = SMALL
    while True:
        items = sorted(devices + joined_free(groups(pieces, alone, small_size)))
        heights = [natural_height(item) for item in items]
        if sum(heights) <= HEIGHT or small_size > pieces[-1].last:
            return items, heights
        small_size *= 4


def physical_data(pieces, resources):
    """Devices first, whose addresses are lower; then all of RAM."""
    alone = {resource.name for resource in resources} | {"reserved"}
    devices = [[Piece(r.first, r.last, r.name, "device")] for r in resources if not r.depth and r.name != "System RAM"]
    items, heights = all_items(devices, merged(pieces), alone)
    return [item_data(item, y, height) for item, (y, height) in zip(items, place(heights, 2))]


def targets(frames, physical):
    """[[y, height]] of what is drawn of physical memory and holds some of the frames."""
    def holds(first, last):
        return any(start <= int(last, 16) and int(first, 16) <= end for start, end in frames)

    found = []
    for item in physical:
        owners = {owner for first, last, owner in item["pieces"] if holds(first, last)}
        found += [(stripe["y"], stripe["y"] + stripe["height"]) for stripe in item["stripes"]
                  if stripe["owner"] in owners]
    result = []
    for start, end in found:
        if result and start - result[-1][1] < 3:
            result[-1][1] = end
        else:
            result.append([start, end])
    return [[start, round(end - start, 1)] for start, end in result]


# ---- All of it ----

def frames_of(run):
    return range(run.physical, run.physical + run.size, PAGE)


def half_data(half):
    return {"root": f"{half.root:x}", "asid": half.asid, "bits": half.va_bits, "level": half.first_level,
            "first": hex16(half.first), "last": hex16(half.last)}


def found_leaf(entry):
    return f"{'page' if entry.level == LAST_LEVEL else size_text(entry.span) + ' block'} {entry.output:#x}"


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
        user, kernel = re.search(r"(\d+) bits of user addresses, (\d+) of kernel addresses",
                                 self._recording["texts"]["layout"]).groups()
        return {"layout": self._recording["layout"], "machine": self._recording["machine"], "height": HEIGHT,
                "userBits": int(user), "kernelBits": int(kernel), "regions": region_data(self._regions),
                "shown": self._shown(self._recording["moments"][0]), "moments": moments,
                "tables": self._tables.all, "words": self._words.all}

    def _shown(self, moment):
        """The walk to where the kernel's image begins, in words."""
        va = int(re.search(r"^kernel image +0x([0-9a-f]+)-", self._recording["texts"]["layout"], re.MULTILINE)[1], 16)
        half = Half.of("high", moment["registers"]["TCR_EL1"], moment["registers"]["TTBR1_EL1"])
        found = walk(half, Memory(moment["tables"]["high"]), va)
        steps = [{"level": step.entry.level, "index": step.index, "what": "table" if step.entry.kind == TABLE else
                  found_leaf(step.entry), "high": high, "low": entry_shift(step.entry.level),
                  "note": "names the next table" if step.entry.kind == TABLE else
                  f"EL1 {step.entry.el1_rights(step.limits)}, EL0 {step.entry.el0_rights(step.limits)}"}
                 for step, high in zip(found.steps, [half.va_bits - 1] + [entry_shift(level) - 1 for level in
                                                                         range(half.first_level, LAST_LEVEL)])]
        span = found.steps[-1].entry.span
        return {"va": hex16(va), "what": "where the kernel's image begins", "bits": half.va_bits,
                "top": "all ones", "root": "TTBR1", "steps": steps, "offset": f"{va % span:#x}",
                "physical": f"{found.physical:#x}"}

    def _moment(self, moment):
        registers = moment["registers"]
        types = sysregs.memory_types(registers["MAIR_EL1"])
        halves = {"low": Half.of("low", registers["TCR_EL1"], registers["TTBR0_EL1"]),
                  "high": Half.of("high", registers["TCR_EL1"], registers["TTBR1_EL1"])}
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
