# SPDX-License-Identifier: MIT
"""qemu/map's shell_texts.py, physical.py, scale.py and compare.py: what is read from the shell's texts, and how it is
put together for a drawing. The texts here are made up; what becomes of them is worked out by hand."""

import compare
import physical
import scale
import shell_texts
from shell_texts import Piece

LAYOUT = """\
layout toy: 32 bits of user addresses, 30 of kernel addresses
0000000000000000-00000000bfffffff     3G  user (TTBR0)
00000000c0000000-00000000ffffffff     1G  the kernel's on i386; nobody's here
0000000100000000-ffffffffbfffffff   ~16E  hole (not 32 bits)
ffffffffc0000000-fffffffff7ffffff   896M  linear map and image
fffffffff8000000-fffffffff87fffff     8M  guard (VMALLOC_OFFSET)
fffffffff8800000-ffffffffffffffff  ~120M  vmalloc
linear map in use  0xffffffffc0000000-0xfffffffff7ffffff: physical 0x0000000040000000 on
"""

FRAMES = """\
0000000040000000-00000000401fffff        512      DMA  free
0000000040200000-00000000402fffff        256      DMA  reserved
0000000040300000-0000000040ffffff       3328      DMA  free
0000000041000000-0000000041000fff          1   Normal  slab
0000000041001000-0000000041001fff          1   Normal  free (cached)
0000000041002000-0000000041002fff          1   Normal  table
0000000041003000-0000000041003fff          1   Normal  free (cached)
0000000041004000-0000000050ffffff      65532   Normal  free
"""

IOMEM = """\
09000000-09000fff : pl011
40000000-50ffffff : System RAM
  40200000-402fffff : Kernel image
"""


def test_regions_are_of_the_user_of_the_kernel_of_nobody_or_a_hole():
    found = [(region.title, region.kind) for region in shell_texts.regions_of(LAYOUT)]
    assert found == [("user", "user"), ("the kernel's on i386", "idle"), ("hole", "hole"),
                     ("linear map and image", "kernel"), ("guard", "idle"), ("vmalloc", "kernel")]


def test_areas_lose_the_guard_page_that_vmallocinfo_counts():
    image, device, stack = shell_texts.areas_of(
        "0xffff800008000000-0xffff80000807b000  503808 image text phys=0x0000000040200000 image\n"
        "0xffff800008200000-0xffff800008211000   69632 arch::start_gic_v3+0x30 phys=0x0000000008000000 ioremap\n"
        "0xffff800008604000-0xffff800008609000   20480 CpuQueue::make_thread+0x44 pages=4 stack\n")
    assert image == (0xffff_8000_0800_0000, 0xffff_8000_0807_afff, "image text", "image", 0x4020_0000)
    assert device == (0xffff_8000_0820_0000, 0xffff_8000_0820_ffff, "arch::start_gic_v3+0x30", "ioremap", 0x0800_0000)
    assert stack == (0xffff_8000_0860_4000, 0xffff_8000_0860_7fff, "CpuQueue::make_thread+0x44", "stack", None)


def test_what_is_in_use_close_together_is_drawn_as_one():
    items = physical.physical_data(list(physical.named(shell_texts.pieces_of(FRAMES), shell_texts.resources_of(IOMEM))),
                                shell_texts.resources_of(IOMEM))
    drawn = [(item["first"], item["last"], item["zone"], [stripe["owner"] for stripe in item["stripes"]])
             for item in items]
    assert drawn == [
        ("9000000", "9000fff", "device", ["pl011"]),
        ("40000000", "401fffff", "DMA", ["free"]),
        ("40200000", "402fffff", "DMA", ["Kernel image"]),
        ("40300000", "40ffffff", "DMA", ["free"]),
        ("41000000", "41002fff", "Normal", ["slab", "table"]),
        ("41003000", "50ffffff", "Normal", ["free"]),
    ]
    assert items[4]["free"] == 1
    ends = [item["y"] + item["height"] for item in items]
    assert all(end <= item["y"] for end, item in zip(ends, items[1:])) and abs(ends[-1] - scale.HEIGHT) < 1


def test_a_programs_frames_are_put_over_what_was_free():
    piece = Piece(0x1000, 0x4fff, "free", "DMA")
    assert physical.overlaid([piece], {0x2000: "user", 0x4000: "table"}) == [
        Piece(0x1000, 0x1fff, "free", "DMA"), Piece(0x2000, 0x2fff, "user", "DMA"),
        Piece(0x3000, 0x3fff, "free", "DMA"), Piece(0x4000, 0x4fff, "table", "DMA")]
    used = piece._replace(owner="page cache")
    assert physical.overlaid([used], {0x2000: "user"}) == [used], "but not over what was in use"


def test_the_targets_of_frames_are_the_stripes_of_their_owners():
    items = [
        {"pieces": [["1000", "1fff", "slab"], ["2000", "2fff", "user"], ["3000", "3fff", "slab"]],
         "stripes": [{"owner": "slab", "y": 0, "height": 10}, {"owner": "user", "y": 10, "height": 10}]},
        {"pieces": [["4000", "ffff", "free"]], "stripes": [{"owner": "free", "y": 22, "height": 30}]}]
    assert physical.targets([(0x2000, 0x2fff)], items) == [[10, 10]]
    assert physical.targets([(0x3000, 0x3fff)], items) == [[0, 10]]
    assert physical.targets([(0x1000, 0x5fff)], items) == [[0, 52]], "neighbours are one"
    assert physical.targets([(0x9000000, 0x9000fff)], items) == []


def test_pictures_do_not_change_with_a_page_more():
    assert scale.magnitude(123 * 4096, 4096) == scale.magnitude(124 * 4096, 4096) == 7
    assert scale.magnitude(1, 4096) == 0


def test_sizes_are_exact_or_said_to_be_rounded():
    sizes = {4096: "4K", 20480: "20K", 1 << 21: "2M", (1 << 21) + 4096: "~2M", 1 << 48: "256T", 896 << 20: "896M",
             (1 << 64) - (1 << 49): "~16E", 130300 << 30: "~127T"}
    assert {size: scale.size_text(size) for size in sizes} == sizes


COMPARE = """\
Meridian on Neoverse-N1
compare: address spaces side by side (* is what this kernel runs under now)
  arm64   Linux 6.1
* i386    textbook

user half
  arm64   0000000000000000-0000ffffffffffff  256T
* i386    00000000-bfffffff  3G

hole between them
  arm64   0001000000000000-fffeffffffffffff  15.999E
* i386    none

image, as linked
  arm64   ffff800008000000
* i386    in the direct map

roots
  arm64, i386  some

bits of an entry  AArch64   i386
present           Valid 0   P 0
execute           UXN 54    -

A note.
"""


def test_compare_is_taken_apart():
    data = compare.data(COMPARE)
    arm64, i386 = data["spaces"]
    assert data["running"] == "i386" and data["note"] == "A note."
    assert [entry["name"] for entry in arm64["ranges"]] == ["user", "hole", "image"]
    assert arm64["ranges"][2] == {"name": "image", "first": "ffff800008000000", "last": "ffff800008000000", "size": ""}
    assert i386["ranges"] == [{"name": "user", "first": "00000000", "last": "bfffffff", "size": "3G"}]
    assert data["facts"][-1] == {"title": "roots", "rows": [(["arm64", "i386"], "some")]}
    assert data["bits"] == [["bits of an entry", "AArch64", "i386"], ["present", "Valid 0", "P 0"],
                            ["execute", "UXN 54", "-"]]
