# SPDX-License-Identifier: MIT
"""The frame allocator's structures: the frame table, zones, caches, and the memory that was never used."""

from descriptor import bits
from kernel import NoKernel, declared_fields, elements, find_field, number, type_of
from walk import Unreadable

PAGE_SHIFT = 12


def frame_range(value):
    """(first frame number, count) of a FrameRange."""
    return number(value["first"]), int(value["count"])


class Frames:
    """The frame allocator, and the questions of mm/frames/frame_stats.cc."""

    def __init__(self, view):
        self.view = view
        self.allocator = view.variable("meridian::frame_allocator")
        self.zones = elements(self.allocator["zones_"])
        self.growth = self.allocator["growth_"]["value_"]
        if number(self.growth["map_"]) == 0:
            raise NoKernel("the frame allocator has not started yet")
        self.info_type = type_of("meridian::FrameInfo")
        self.fields = declared_fields("mm/frames/frame_table.h")
        self.max_order = len(elements(self.zones[0]["buddy_"]["value_"]["counts_"])) - 1

    def field(self, head, name):
        """A field of FrameInfo's first word."""
        return bits(head, *self.fields[name])

    def head(self, pfn):
        """The first word of a frame's entry; None if no memory is behind that part of the table."""
        try:
            entry = self.view.at(number(self.allocator["table_"]["origin_"]) + pfn * self.info_type.sizeof,
                                 self.info_type)
        except Unreadable:
            return None
        return number(entry["head_"])

    def owner(self, head):
        code = self.field(head, "Owner")
        owners = {field.enumval: field.name.rpartition("::")[2] for field in type_of("meridian::FrameOwner").fields()}
        return owners[code].replace("_", " ")

    def untouched_runs(self, zone=None):
        """(first, count) of the memory that was never used, of one zone or all."""
        untouched = self.growth["untouched_"]
        for run in elements(untouched["runs_"])[:int(untouched["count_"])]:
            if zone is None or number(run["zone"]) == zone:
                yield frame_range(run["frames"])

    def is_untouched(self, pfn):
        return any(first <= pfn < first + count for first, count in self.untouched_runs())

    def ranges_of_map(self, name, count):
        memory_map = self.view.pointed(self.growth["map_"])
        for entry in elements(memory_map[name])[:int(memory_map[count])]:
            range_ = entry["range"] if find_field(entry.type, "range") else entry
            start = number(range_["start_"])
            yield start >> PAGE_SHIFT, start + int(range_["size_"]) + (1 << PAGE_SHIFT) - 1 >> PAGE_SHIFT

    def is_in_map(self, pfn, name, count):
        return any(first <= pfn < end for first, end in self.ranges_of_map(name, count))

    def is_early(self, pfn):
        """Did boot take it, before there was a frame table?"""
        return any(number(window["start"]) <= pfn < number(window["next"])
                   for window in elements(self.growth["early_"]["windows_"]))

    def block_of(self, pfn):
        """(head, first frame, order) of the block that the frame is in, by the table; None if it tells of none."""
        for order in range(self.max_order + 1):
            head = self.head(pfn & -1 << order)
            if head is None:
                return None
            if self.field(head, "Owner") and self.field(head, "Order") >= order:
                order = self.field(head, "Order")
                return head, pfn & -1 << order, order
        return None

    def chain(self, pfn):
        """A list of free blocks, through their entries."""
        seen = set()
        while pfn and pfn not in seen:  # a broken list may go round
            seen.add(pfn)
            yield pfn
            pfn = self.field(self.head(pfn), "Next")

    def cached(self):
        """Frames in the CPUs' caches."""
        total = 0
        for cache in elements(self.allocator["caches_"]):
            for order, word in enumerate(elements(cache["lists_"])):
                total += sum(1 << order for _ in self.chain(self.field(number(word), "Next")))
        return total

    def zone_blocks(self, index):
        """Free blocks of each order, those that untouched memory will make included."""
        blocks = [int(count) for count in elements(self.zones[index]["buddy_"]["value_"]["counts_"])]
        for first, left in self.untouched_runs(index):
            while left:
                aligned = (first & -first).bit_length() - 1
                order = min(aligned, left.bit_length() - 1, self.max_order)
                count = left >> order if order == self.max_order else 1
                blocks[order] += count
                first, left = first + (count << order), left - (count << order)
        return blocks
