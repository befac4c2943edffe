# SPDX-License-Identifier: MIT
"""compare: address spaces side by side. The numbers here are the documents', not the kernel's."""

import subprocess

import pytest

from machine import LAYOUTS, TOP, boot, environment

NAMES = LAYOUTS[:3] + ("x86-64-5level",) + LAYOUTS[3:] + ("macosx-32",)

# Linux: Documentation/arm64/memory.rst, Documentation/x86/x86_64/mm.rst; the textbooks; a dump of Linux 6.1.
EXPECTED = {
    "user half": ("256T", "512G", "128T", "64P", "3G", "3G", "4G"),
    "kernel half": ("256T", "512G", "128T", "64P", "1G", "1G", "4G"),
    "direct map": ("ffff000000000000-ffff7fffffffffff  128T", "ffffff8000000000-ffffffbfffffffff  256G",
                   "ffff888000000000-ffffc87fffffffff  64T", "ff11000000000000-ff90ffffffffffff  32P",
                   "c0000000-f7ffffff  896M", "c0000000-f6ffdfff  879.992M", "-"),
    "vmalloc": ("ffff800008000000-fffffbffefffffff  123.999T", "ffffffc008000000-fffffffdefffffff  247.625G",
                "ffffc90000000000-ffffe8ffffffffff  32T", "ffa0000000000000-ffd1ffffffffffff  12.5P",
                "f8800000-ff7fdfff  111.992M", "f77fe000-feffdfff  120M", "-"),
    "frame table": ("fffffc0000000000-fffffdffffffffff  2T", "fffffffe00000000-fffffffeffffffff  4G",
                    "ffffea0000000000-ffffeaffffffffff  1T", "ffd4000000000000-ffd5ffffffffffff  512T",
                    "in the direct map", "in the direct map", "-"),
    "hole between": ("0001000000000000-fffeffffffffffff  15.999E", "0000008000000000-ffffff7fffffffff  15.999E",
                     "0000800000000000-ffff7fffffffffff  15.999E", "0100000000000000-feffffffffffffff  15.875E",
                     "none", "none", "none"),
    "image": ("ffff800008000000", "ffffffc008000000", "ffffffff81000000", "ffffffff81000000",
              "in the direct map, where it was loaded", "in the direct map, where it was loaded", "-"),
}


def run(*commands, **variables):
    result = boot(*commands, **variables)
    assert result.status == 0, result.output
    return result.output


def table(output):
    """{title: the lines under it}, from the first line of the table on."""
    text = output[output.index("compare: "):]
    blocks = [block.splitlines() for block in text.split("\n\n")]
    return {block[0]: block[1:] for block in blocks}


@pytest.fixture(scope="module", name="output")
def fixture_output():
    return run("compare")


@pytest.mark.parametrize("title", EXPECTED)
def test_each_address_space_has_its_documents_numbers(output, title):
    (lines,) = (lines for name, lines in table(output).items() if name.startswith(title))
    for name, line, value in zip(NAMES, lines, EXPECTED[title], strict=True):
        assert line[2:].split()[0] == name
        assert line.endswith(" " + value), line


def test_the_table_fits_a_terminal(output):
    text = output[output.index("compare: "):]
    assert max(map(len, text.splitlines())) <= 100


def test_the_facts_that_tell_the_machines_apart(output):
    rows = table(output)
    arm, x86, i386, mac = rows["a system call switches"]
    assert "no root (with KPTI: TTBR1_EL1)" in arm and "no root (with PTI: CR3)" in x86
    assert "no root" in i386 and mac.endswith("the privilege level and the root: CR3")
    arm, x86, i386, _ = rows["tag in the TLB"]
    assert arm.endswith("ASID, 8 or 16 bits") and x86.endswith("PCID, 12 bits") and i386.endswith("none")
    arm, x86, i386, _ = rows["HIGHMEM"]
    assert arm.endswith(" no") and x86.endswith(" no") and "yes" in i386
    bits = "\n".join(next(lines for name, lines in rows.items() if name.startswith("bits of an entry")))
    for name in ("AP[1] 6", "AP[2] 7", "UXN 54", "PXN 53", "nG 11", "AF 10", "SH 9:8", "AttrIndx 4:2", "U/S 2", "R/W 1",
                 "NX 63", "G 8", "A 5", "D 6", "PCD 4", "PWT 3", "PAT 7"):
        assert name in bits, name


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_that_runs_is_marked(layout):
    lines = run("compare", layout=layout).splitlines()
    marked = {line.split()[1].rstrip(",") for line in lines if line.startswith("* ") and "," not in line}
    assert marked == {layout}


def test_every_fact_names_its_source():
    who = ("Linux", "Arm ARM", "Intel SDM", "Mac OS X")
    rows = table(run("compare sources"))
    assert len(rows["addresses"]) == len(NAMES)
    for title, lines in rows.items():
        for line in lines:
            assert line.endswith(" -") or any(name in line for name in who), title


DECODED = {
    # 273 = 0x111, bits 47:39 of 0xffff8880...
    "0xffff888000001000": {
        "arm64": "kernel half, vmalloc and image: L0[273] L1[0] L2[0] L3[1]",
        "arm64-39": "in the hole: translation fault, level 0",
        "x86-64": "kernel half, linear map: PML4[273] PDPT[0] PD[0] PT[1]",
        "x86-64-5level": "kernel half, KASAN shadow: PML5[511] PML4[273] PDPT[0] PD[0] PT[1]",
        "i386": "not an address of 32 bits",
        "macosx-32": "not an address of 32 bits",
    },
    # 768 = 0xc0000000 >> 22
    "0xc0000000": {
        "x86-64": "user half: PML4[0] PDPT[3] PD[0] PT[0]",
        "i386": "c0000000 (here ffffffffc0000000) kernel half, linear map and image: PD[768] PT[0]",
        "i386-6.1": "c0000000 (here ffffffffc0000000) kernel half, linear map and image: PD[768] PT[0]",
        "macosx-32": "c0000000 a task's or the kernel's: CR3 tells",
    },
    "0xffffffffc0000000": {
        "i386": "c0000000 (here ffffffffc0000000) kernel half, linear map and image: PD[768] PT[0]",
    },
    "0x800000000000": {
        "arm64": "user half: L0[256] L1[0] L2[0] L3[0]",
        "x86-64": "in the hole: not canonical, #GP",
        "x86-64-5level": "user half: PML5[0] PML4[256] PDPT[0] PD[0] PT[0]",
    },
}


@pytest.mark.parametrize("address", DECODED)
def test_an_address_is_decoded_in_each(address):
    lines = run(f"compare {address}").splitlines()
    for name, text in DECODED[address].items():
        (line,) = (line for line in lines if line[2:].startswith(name + " "))
        assert line.endswith(" " + text), line


@pytest.mark.parametrize("command, complaint", [
    ("compare here", "'here' is not an address"),
    ("compare sources 1", "'1' is one argument too many"),
    ("compare 0 1", "'1' is one argument too many"),
    ("compare 0x10000000000000000", "is not an address"),
    ("geometry 4K", "'4K' is one argument too many"),
])
def test_a_wrong_argument_gets_one_line(command, complaint):
    result = boot(command)
    assert result.status == 1
    assert len([line for line in result.output.splitlines() if complaint in line]) == 1


def test_make_compare_prints_the_table_alone():
    done = subprocess.run(["make", "--no-print-directory", "compare"], cwd=TOP, env=environment({"layout": "x86-64"}),
                          stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    start = done.stdout.index("compare: address spaces")
    assert "Meridian on" not in done.stdout
    assert "\n* x86-64 " in done.stdout.replace("\r", "")[start:]
