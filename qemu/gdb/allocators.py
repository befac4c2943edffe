# SPDX-License-Identifier: MIT
"""The commands that read the kernel's own structures: layout, frames, zones, slabs, vmalloc. Where the shell has the
same command, the lines are the same."""

import re

import gdb

import processes
import target
from command import VmCommand, frame_number, print_
from frames import PAGE_SHIFT, Frames, frame_range
from kernel import Kernel, NoKernel, base_offset, elements, enumerator, innermost, number, type_of
from regions import Layout
from walk import Unreadable, half_name, walk

ZONE_NAMES = {"dma": "DMA", "normal": "Normal", "highmem": "HighMem"}


class KernelCommand(VmCommand):
    """A command that reads the kernel's variables: show(kernel, argument), where parse(words) gives the argument."""

    def parse(self, words):
        if words:
            raise self.usage()

    def run(self, words):
        argument = self.parse(words)
        with Kernel() as kernel:
            self.show(kernel, argument)


class ShowLayout(KernelCommand):
    """vm layout: the regions of the address space, and which of them PC, SP, the vectors and the heap are in."""

    name = "layout"

    def show(self, kernel, _):
        layout = Layout.read(kernel)
        print_(f"layout {layout.name}: {layout.user_bits} bits of user addresses, {layout.kernel_bits} of kernel "
               "addresses")
        marks = {"PC": target.register("pc"), "SP": target.register("sp"), "VBAR": target.register("VBAR_EL1"),
                 **self._heap(kernel)}
        for region in layout.regions:
            here = [f"{name} {at:#x}" for name, at in marks.items() if at and region.first <= at <= region.last]
            size = region.last - region.first + 1
            print_(f"{region.first:016x}-{region.last:016x} {rounded(size):>6}  {region.name}"
                   + (f"  <- {', '.join(here)}" if here else ""))

    @staticmethod
    def _heap(kernel):
        """Where the heap of the process ends that the selected CPU runs."""
        try:
            process = processes.current(kernel)
            if not process:
                return {}
            space = kernel.pointed(kernel.at(process, type_of("meridian::Process"))["space_"]["object_"])
            return {"heap": number(space["break_"])}
        except (NoKernel, Unreadable):
            return {}


def rounded(size):
    """As the shell's `layout`: the size in the largest unit it has one of, ~ where it is rounded."""
    unit = 0
    while unit + 1 < 6 and size >> 10 * (unit + 2):
        unit += 1
    whole = 1 << 10 * (unit + 1)
    return f"{'~' if size % whole else ''}{size // whole + (size % whole >= whole // 2)}{'KMGTPE'[unit]}"


class Frame(KernelCommand):
    """vm frame PFN: whose the frame is, the block it belongs to, and the references to that.

    PFN is a frame number, or an expression of type Frame or PhysAddr."""

    name, symbols = "frame", True

    def parse(self, words):
        if not words:
            raise self.usage()
        return frame_number(" ".join(words))

    def show(self, kernel, pfn):
        print_(f"frame {pfn:#x}, physical {pfn << PAGE_SHIFT:#x}: {self._state(Frames(kernel), pfn)}")

    @staticmethod
    def _state(frames, pfn):
        if not frames.is_in_map(pfn, "banks_", "bank_count_"):
            return "no RAM"
        if frames.is_untouched(pfn):
            return "free, never used yet"
        block = frames.block_of(pfn)
        if block:
            head, first, order = block
            allocated = frames.field(head, "Allocated")
            references = frames.field(head, "FurtherReferences") + 1
            return (f"{frames.owner(head)}, order {order}, block {first:#x}-{first + (1 << order) - 1:#x}"
                    + (f", {references} reference{'' if references == 1 else 's'}" if allocated else ""))
        if frames.is_in_map(pfn, "reservations_", "reservation_count_"):
            return "reserved"
        return "table, taken at boot" if frames.is_early(pfn) else "frame table"


class Zones(KernelCommand):
    """vm zones: each zone's frames: where, how many, how many free, in CPU caches, never used."""

    name = "zones"

    def show(self, kernel, _):
        frames = Frames(kernel)
        for index, zone in enumerate(frames.zones):
            extent = zone["extent_"]
            first, count = frame_range(extent["span"])
            untouched = sum(frames_ for _, frames_ in frames.untouched_runs(index))
            cached = frames.cached() if enumerator(zone["kind_"]) == "normal" else 0
            free = int(zone["buddy_"]["value_"]["free_frames_"]) + untouched + cached
            print_(f"{ZONE_NAMES[enumerator(zone['kind_'])]:>8}: from {first:#x}, spanned {count}, present "
                   f"{int(extent['present'])}, managed {int(extent['managed'])}, free {free} (cached {cached}, "
                   f"untouched {untouched})")


class Buddy(KernelCommand):
    """vm buddy: free blocks of each order in each zone, as the shell's `buddyinfo`."""

    name = "buddy"

    def show(self, kernel, _):
        frames = Frames(kernel)
        for index, zone in enumerate(frames.zones):
            if int(zone["extent_"]["present"]):
                blocks = "".join(f"{count:>6} " for count in frames.zone_blocks(index))
                print_(f"Node 0, zone {ZONE_NAMES[enumerator(zone['kind_'])]:>8} {blocks}")


class Slab(KernelCommand):
    """vm slab: the slab caches, as in the shell's `slabinfo`: objects in use, objects, size, slabs in use, slabs."""

    name = "slab"

    def show(self, kernel, _):
        front = kernel.variable("meridian::slab_front")
        lists = [elements(cpu["lists"]) for cpu in elements(front["cpus"])]
        print_("# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> <active_slabs> "
               "<num_slabs>")
        for index, cache in enumerate(elements(front["caches"])):
            if number(cache):
                in_lists = sum(chain_length(kernel, number(cpu[index]["first"])) for cpu in lists)
                print_(self._line(kernel, kernel.pointed(cache), in_lists))

    @staticmethod
    def _line(kernel, cache, in_lists):
        stock = cache["lists_"]["value_"]
        capacity, slabs = int(cache["capacity_"]), int(stock["slabs"])
        active = slabs * capacity - int(stock["free_objects"]) - in_lists
        return (f"{kernel.text(cache['name_']):<17} {active:>6} {slabs * capacity:>6} {int(cache['size_']):>6} "
                f"{capacity:>4} {1 << int(cache['order_']):>4} {slabs - int(stock['empty_slabs']):>6} {slabs:>6}")


def chain_length(kernel, address):
    """How many free objects hang together, each pointing to the next with its first word."""
    seen = set()
    while address and address not in seen:  # a broken chain may go round
        seen.add(address)
        address = int.from_bytes(kernel.read(address, 8), "little")
    return len(seen)


class Vmalloc(KernelCommand):
    """vm vmalloc: the areas in use, as the shell's `vmallocinfo`: addresses, who asked, pages or physical address."""

    name = "vmalloc"

    def show(self, kernel, _):
        core = kernel.variable("meridian::(anonymous namespace)::core")
        areas = [*self._large(kernel, core["large_"]), *self._small(kernel, core["small_"])]
        for area, pages in sorted(areas, key=lambda found: int(found[0]["start"])):
            if enumerator(area["state"]) == "used":
                print_(self._line(kernel, area, pages))

    @staticmethod
    def _large(kernel, large):
        """(record, pages) of each node of the tree."""
        with_node = type_of(f"{large.type.strip_typedefs().name}::LargeArea")
        node_offset = base_offset(with_node, "meridian::AreaNode")
        below = [number(large["tree_"]["value_"]["raw_"]["root_"])]
        while below:
            node = below.pop()
            if node:
                area = kernel.at(node - node_offset, with_node)
                below += [number(child) for child in elements(area["child_"])]
                yield area, int(area["mapped"])

    @staticmethod
    def _small(kernel, small):
        """(record, pages) of each slot of each block; the records lie behind the block's own."""
        area_type = type_of(f"{small.type.strip_typedefs().name}::Area")
        for pointer in elements(small["blocks_"]):
            if not number(pointer):
                return  # they are made in order
            block = kernel.pointed(pointer)
            first = number(pointer) + block.type.sizeof
            for index in range(int(block["count"])):
                area = kernel.at(first + index * area_type.sizeof, area_type)
                yield area, number(area["pages"])

    @staticmethod
    def _line(kernel, area, pages):
        kind, about = enumerator(area["kind"]), innermost(area["about"])
        start, image = int(area["start"]), kind == "image"
        size = (pages + (not image)) << PAGE_SHIFT  # the guard page counts as in Linux
        who = kernel.text(about.cast(gdb.lookup_type("char").pointer())) if image else symbol_text(number(about))
        what = f"pages={pages}" if kind in ("vmalloc", "kernel_stack") else f"phys={physical_of(start):#018x}"
        return f"{start:#018x}-{start + size:#018x} {size:>7} {who} {what} {kind.replace('kernel_', '')}"


def symbol_text(address):
    """As "name+0x10", the name as short as in the kernel's own backtraces (linker/symbols.py)."""
    text = gdb.execute(f"info symbol {address:#x}", to_string=True).split(" in section")[0].strip()
    name, plus, offset = text.rpartition(" + ")
    short = re.sub(r"\(anonymous namespace\)::|\bmeridian::", "", name if plus else text).partition("(")[0]
    return f"{short}+{int(offset) if plus else 0:#x}"


def physical_of(va):
    with target.PhysicalMemory() as memory:
        return walk(target.half(half_name(va)), memory, va).physical or 0


COMMANDS = (ShowLayout, Frame, Zones, Buddy, Slab, Vmalloc)
