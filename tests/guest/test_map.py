# SPDX-License-Identifier: MIT
"""make map: what the pages show is what the kernel says, and a person can use them, by mouse and by keyboard, in a
window of any width. The machines are recorded as `make map` does it; the kernel is asked for its own walks in the same
run."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor

import pytest
from selenium.webdriver.common.keys import Keys

import compare
import dump
import make_map
import model
import page
import record
from browser import browser
from machine import TOP, boot, environment
from recorded_tables import Memory
from shell_texts import regions_of
from walk import Half

RECORDED = environment({"mem": "2G"})
WIDTHS = (360, 480, 699, 768, 1024, 1280, 1600, 1920, 2560)


def addresses(texts, moments):
    """Where regions begin, the last byte of all, and a few of the pages that are mapped."""
    regions = regions_of(texts["layout"])
    moment = moments[-1]
    half = Half.of("high", moment["registers"]["TCR_EL1"], moment["registers"]["TTBR1_EL1"])
    runs = list(dump.runs(half, Memory(moment["tables"]["high"])))
    assert len(runs) > 10
    edges = [region.first for region in regions] + [regions[-1].last]
    return edges + [run.start + 0x123 for run in runs[::6]] + [runs[-1].last]


class Pages:
    """What was recorded, and the pages made of it."""

    def __init__(self, folder):
        with ThreadPoolExecutor(2) as pool:
            made = pool.map(lambda layout: record.record(layout, RECORDED, addresses), make_map.LAYOUTS)
            self.recordings = list(made)
        self.map, self.compare = folder / "map.html", folder / "compare.html"
        self.map.write_text(page.page([model.build(recording) for recording in self.recordings]), encoding="utf-8")
        self.said = boot("compare").output
        self.compare.write_text(page.compare_page(compare.data(self.said)), encoding="utf-8")


@pytest.fixture(scope="module", name="pages")
def fixture_pages(tmp_path_factory):
    return Pages(tmp_path_factory.mktemp("map"))


@pytest.fixture(scope="module", name="chromium")
def fixture_chromium():
    with browser() as opened:
        yield opened


@pytest.fixture(name="shown")
def fixture_shown(pages, chromium):
    """The map, opened anew; a page that complains has failed."""
    chromium.resize(1280)
    chromium.open(pages.map)
    yield chromium
    assert chromium.complaints() == []


def rows(shown):
    """The names of what is mapped, as drawn."""
    return shown.texts(".row .name")


def kernels_walk(text):
    """[(level, index, entry)] of what the shell's `walk` printed, and how it ended."""
    steps = re.findall(r"^L(\d)\[ *(\d+)\] ([0-9a-f]{16}) ", text, re.MULTILINE)
    end = "outside" if "no table is read" in text else "invalid" if "not mapped" in text else "leaf"
    return [(int(level), int(index), raw) for level, index, raw in steps], end


def pages_walk(shown):
    words = shown.texts("#answer .at")
    steps = re.findall(r"^L(\d)\[(\d+)\] ([0-9a-f]{16})$", "\n".join(words), re.MULTILINE)
    ends = {"No table is read": "outside", "Nothing is mapped": "invalid", "Physical address": "leaf"}
    return ([(int(level), int(index), raw) for level, index, raw in steps],
            next(end for start, end in ends.items() if words[-1].startswith(start)))


def test_a_typed_address_gives_the_walk_that_the_kernel_gives(pages, shown):
    shown.choose("action", "reaped")  # when the kernel was asked
    ends = set()
    for recording in pages.recordings:
        shown.choose("layout", recording["layout"])
        assert len(recording["walks"]) > 12
        for address, said in recording["walks"].items():
            shown.type_address(f"{address:#x}")
            assert pages_walk(shown) == kernels_walk(said), (recording["layout"], hex(address))
            ends.add(kernels_walk(said)[1])
    assert ends == {"leaf", "invalid", "outside"}


def test_the_map_needs_no_network(pages, shown):
    assert shown.script("return performance.getEntriesByType('resource').length") == 0
    for path in (pages.map, pages.compare):
        assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", path.read_text(encoding="utf-8"))


def test_a_program_is_shown_where_it_runs(pages, shown):
    names = {"hello: text", "hello: data", "hello: heap", "hello: stack"}
    for recording in pages.recordings:
        shown.choose("layout", recording["layout"])
        assert {name.removesuffix(" (new)") for name in rows(shown)} > names
        main = re.search(r"main is at (0x[0-9a-f]+), the stack at (0x[0-9a-f]+)", shown.text("#changes"))
        for address, rights in zip(main.groups(), ("EL0 r-x", "EL0 rw-")):
            shown.type_address(address)
            assert rights in shown.texts("#answer .why")[-1]
    shown.choose("side", "before")
    assert not names & set(rows(shown))


def test_an_action_shows_what_it_changed(shown):
    shown.choose("layout", "i386")
    shown.choose("action", "kmap")
    assert "pkmap (new)" in rows(shown) and "1 entry rewritten" in shown.text("#changes")
    shown.choose("side", "before")
    assert not any(name.startswith("pkmap") for name in rows(shown))
    shown.choose("layout", "arm64")  # where the linear map has the frame already
    assert "no table has changed" in shown.text("#changes")
    shown.choose("action", "vmalloc")
    assert "vmalloc" not in rows(shown)
    shown.choose("side", "after")
    assert "vmalloc (new)" in rows(shown) and "1 table more" in shown.text("#changes")


def test_a_fork_shares_a_page_until_one_side_writes(shown):
    """The page that the program writes to before the fork, and the child after it."""
    address = record.address_of(record.path_of("forks"), "page")
    seen = {}
    for action in ("forks", "fork", "copy"):
        shown.choose("action", action)
        shown.type_address(f"{address:#x}")
        rights = re.search("EL0 (...)", shown.texts("#answer .why")[-1])[1]
        seen[action] = rights, shown.text("#end")
    (before, frame), (after, same), (written, own) = seen.values()
    assert (before, after, written) == ("rw-", "r--", "rw-")
    assert frame == same != own


def test_it_zooms_from_all_of_the_space_to_one_page_by_keyboard(shown):
    shown.type_address("0xffff000000201000")
    strip = ".strip"
    shown.type(strip, Keys.HOME)
    assert shown.text("#window").startswith("0000000000000000–ffffffffffffffff: 16E")
    shown.type(strip, *["-"] * 3)
    assert shown.text("#window").startswith("0000000000000000–ffffffffffffffff: 16E"), "there is no more"
    shown.type(strip, *["+"] * 70)
    first, last = re.match(r"([0-9a-f]{16})–([0-9a-f]{16}): 4K", shown.text("#window")).groups()
    assert int(last, 16) - int(first, 16) == 4095
    shown.type(strip, Keys.PAGE_DOWN)
    assert int(shown.text("#window")[:16], 16) > int(first, 16)
    shown.click("the walked page")
    window = re.match(r"([0-9a-f]{16})–([0-9a-f]{16})", shown.text("#window")).groups()
    assert int(window[0], 16) <= 0xffff_0000_0020_1000 and int(window[1], 16) >= 0xffff_0000_0020_1fff
    assert "L3[1] page 40201000 r--" in shown.texts(".strip text")


def test_the_wheel_zooms_to_where_it_points_and_a_drag_moves(shown):
    shown.script("strip.move(0xffff000000000000n, 0x40000000n)")
    shown.script("""const strip = document.querySelector(".strip"), box = strip.getBoundingClientRect();
        strip.dispatchEvent(new WheelEvent("wheel", {deltaY: -500, bubbles: true, cancelable: true,
            clientX: box.x + 200, clientY: box.y + box.height * .25}))""")
    start, size = (int(value) for value in shown.script("return [strip.window.start, strip.window.size].map(String)"))
    assert 0x1000_0000 < size < 0x3000_0000
    quarter = 0xffff_0000_1000_0000
    assert abs(start + size / 4 - quarter) < 2 * 0x4000_0000 / 520, "what is under the pointer stays there"


def test_everything_on_the_map_can_be_reached_and_said_by_keyboard(shown):
    told = shown.script("""
        return Array.from(document.querySelectorAll(".figure [tabindex='0']"), (e) => e.getAttribute("aria-label"))""")
    assert len(told) > 40 and all(told)
    shown.script("document.querySelectorAll('.row')[2].focus()")
    assert not shown.script("return document.querySelector('#tip').hidden")
    shown.script("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}))")
    row = shown.script("return strip.space.moment.segments[2].first")
    assert shown.script("return document.querySelector('#address').value") == f"0x{row}"
    assert int(shown.text("#window")[:16], 16) <= int(row, 16)


def test_what_is_no_address_is_said_so(shown):
    for text in ("hello", "0x", "0x10000000000000000", "-1"):
        shown.type_address(text)
        assert "not an address" in shown.text("#problem"), text
    shown.type_address("FFFF_8000_0800_0000")
    assert shown.text("#problem") == "" and pages_walk(shown)[1] == "leaf"


OUTSIDE = """
    const outside = [];
    for (const svg of document.querySelectorAll("main svg")) {
      const frame = svg.getBoundingClientRect();
      for (const text of svg.querySelectorAll("text")) {
        const box = text.getBoundingClientRect();
        if (box.width && (box.left < frame.left - 1 || box.right > frame.right + 1)) outside.push(text.textContent);
      }
    }
    return outside"""


@pytest.mark.parametrize("name", ["map", "compare"])
def test_no_width_breaks_a_page(pages, chromium, name):
    chromium.open(getattr(pages, name))
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            chromium.resize(width, scheme=scheme)
            assert chromium.script("return document.documentElement.scrollWidth") <= width
            assert chromium.script(OUTSIDE) == [], width
    assert chromium.complaints() == []


def test_each_scheme_has_its_own_paper(pages, chromium):
    chromium.open(pages.map)
    papers = set()
    for scheme in ("light", "dark"):
        chromium.resize(1280, scheme=scheme)
        papers.add(chromium.script("return getComputedStyle(document.body).backgroundColor"))
    assert len(papers) == 2


def test_the_compare_page_has_every_line_that_the_kernel_printed(pages, chromium):
    chromium.resize(1280)
    chromium.open(pages.compare)
    shown = re.sub(r"\s+", "", chromium.script("return document.body.textContent"))
    table = pages.said[pages.said.index("compare: "):]
    for line in table.splitlines()[1:]:
        for part in re.split(r" {2,}", line.lstrip("* ")):
            assert re.sub(r"\s+", "", part) in shown, line
    assert len(chromium.texts(".space .name")) == 7
    assert chromium.complaints() == []


def test_the_readmes_picture_is_current():
    """Whoever changes what it shows makes it again: make map-picture."""
    with open(os.path.join(TOP, "qemu/map/address-space.svg"), encoding="utf-8") as kept:
        assert make_map.picture() == kept.read(), "make map-picture, look at it, and commit it"


def test_the_picture_is_an_svg_whose_text_is_text():
    path = os.path.join(TOP, "qemu/map/address-space.svg")
    root = xml.etree.ElementTree.parse(path).getroot()
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"user", "hole", "linear map", "hello: text", "Kernel image", "DMA"} <= set(texts)
    assert not any(tag in open(path, encoding="utf-8").read() for tag in ("<script", "<image", "href", "var("))


@pytest.mark.parametrize("variables, complaint", [
    ({"layout": "vax"}, "the kernel knows no layout vax"), ({"mem": "5"}, "MEM=5 is too small")])
def test_a_machine_that_cannot_be_gets_one_line(variables, complaint, tmp_path):
    done = subprocess.run([sys.executable, "qemu/map/make_map.py", "pages", tmp_path], cwd=TOP, check=False,
                          env=environment(variables), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8")
    assert done.returncode == 1
    assert complaint in done.stdout and len(done.stdout.splitlines()) == 1
