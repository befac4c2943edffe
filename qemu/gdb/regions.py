# SPDX-License-Identifier: MIT
"""The regions of the kernel's layout: what an address is for."""

from typing import NamedTuple

import gdb

from kernel import Kernel, NoKernel, elements, enumerator
from walk import Unreadable

CHOSEN = "meridian::(anonymous namespace)::chosen"  # current_layout()


class Region(NamedTuple):
    first: int
    last: int
    kind: str
    name: str


class Layout(NamedTuple):
    name: str
    user_bits: int
    kernel_bits: int
    regions: list

    @classmethod
    def read(cls, view):
        """The layout that the kernel runs under, by an open Kernel."""
        layout = view.variable(CHOSEN)
        regions = layout["regions"]
        listed = elements(regions["list_"])[:int(regions["count_"])]
        return cls(view.text(layout["name"]), int(layout["user_bits"]), int(layout["kernel_bits"]),
                   [Region(int(region["first"]), int(region["last"]), enumerator(region["kind"]),
                           view.text(region["name"])) for region in listed])

    def region_of(self, va):
        return next(region for region in self.regions if region.first <= va <= region.last)


def region_name(va):
    """", in "linear map"", if the kernel's symbols are there and it has a layout; else nothing."""
    try:
        with Kernel() as view:
            layout = Layout.read(view)
        return f', in "{layout.region_of(va).name}"'
    except (NoKernel, Unreadable, gdb.error, StopIteration):
        return ""
