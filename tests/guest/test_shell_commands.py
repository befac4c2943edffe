# SPDX-License-Identifier: MIT
"""The shell's commands: what they print has the form that people and scripts know, and agrees with itself."""

import os
import re

import pytest

from machine import INITRAMFS, TEST_IMAGE, boot, holdings


def run(*commands, **variables):
    result = boot(*commands, **variables)
    assert result.status == 0, result.output
    return result.output


def kilobytes(output, label):
    """All values of a line of meminfo, in order."""
    return [int(value) for value in re.findall(rf"^{label}:\s+(\d+) kB$", output, re.MULTILINE)]


def test_help_lists_every_command_in_one_line():
    output = run("help")
    wanted = ("layout compare geometry walk translate ptdump regs esr meminfo zoneinfo buddyinfo slabinfo vmallocinfo iomem "
              "frames alloc free peek poke probe ls cat run syscalls tour bench selftest poweroff help").split()
    for name in wanted:
        assert len(re.findall(rf"^  {name}\b.* [a-z0-9]", output, re.MULTILINE)) == 1, name


def test_help_of_a_command_tells_its_usage():
    assert "walk VA [pid PID]\n" in run("help walk")


def test_the_layout_tiles_all_of_the_address_space():
    regions = re.findall(r"^([0-9a-f]{16})-([0-9a-f]{16}) +~?\d+[KMGTE]  (.+)$", run("layout"), re.MULTILINE)
    expected = 0
    for first, last, _ in regions:
        assert int(first, 16) == expected
        expected = int(last, 16) + 1
    assert expected == 1 << 64
    names = [name for _, _, name in regions]
    assert names[0].startswith("user") and names[1] == "hole" and "linear map" in names


def test_a_walk_goes_from_the_root_to_a_leaf():
    output = run("walk 0xffff800008000000")
    levels = re.findall(r"^L(\d)\[ *(\d+)\] ([0-9a-f]{16}) ", output, re.MULTILINE)
    assert [level for level, _, _ in levels] == ["0", "1", "2", "3"]
    assert [index for _, index, _ in levels] == ["256", "0", "64", "0"]
    assert "EL1 r-x, EL0 ---" in output


def test_a_walk_into_the_hole_reads_no_table():
    output = run("walk 0x1000000000000")
    assert "the top bits alone" in output
    assert not re.search(r"^L\d", output, re.MULTILINE)


def test_translate_and_the_mmu_agree():
    for address in (0xFFFF000000000000, 0xFFFF000001234567, 0xFFFF800008000004):
        output = run(f"translate {address:#x}")
        by_tables = re.search(r"tables +(0x[0-9a-f]{16})", output)[1]
        assert re.search(rf"AT S1E1R +{by_tables}", output)
        assert re.search(r"AT S1E0R +permission fault at level \d", output)


PTDUMP_LINE = re.compile(
    r"0x[0-9a-f]{16}-0x[0-9a-f]{16}   [ \d]{9}[KMGTP] (PGD|PUD|PMD|PTE)"
    r"(  ( USR|    ) (RW|ro) (NX|x ) (SHD|   ) AF (NG|  ) (CON|   ) (BLK|   ) (UXN|   ) (GP|  ) "
    r"(MEM/NORMAL(-NC)?|DEVICE/nGnRn?E))?")


def test_ptdump_has_linuxs_form_and_covers_the_half_without_gaps():
    lines = run("ptdump").splitlines()
    start = lines.index("---[ Linear Mapping start ]---")
    address = 0xFFFF000000000000
    headings = 0
    for line in lines[start:]:
        if line.startswith("---["):
            headings += 1
            continue
        assert PTDUMP_LINE.fullmatch(line), line
        first, last = (int(text, 16) for text in line.split()[0].split("-"))
        assert first == address, line
        address = last
        if address == 0:
            break
    assert address == 0, "the dump ends at 2^64"
    assert headings == 14


def test_nothing_in_the_dump_can_be_written_and_executed():
    for line in run("ptdump").splitlines():
        if " x  " in line:
            assert " ro x  " in line and "UXN" in line, line


def test_the_users_half_is_empty_without_a_program():
    assert re.search(r"^0x0{16}-0x0001000000000000 +256T PGD$", run("ptdump user"), re.MULTILINE)


def test_regs_decodes_the_registers_that_govern_translation():
    output = run("regs")
    for register in ("TCR_EL1", "TTBR0_EL1", "TTBR1_EL1", "MAIR_EL1", "SCTLR_EL1", "ID_AA64MMFR0_EL1"):
        assert re.search(rf"^{register} 0x[0-9a-f]{{16}}$", output, re.MULTILINE)
    assert re.search(r"T0SZ .* 0x10  low half: 48 address bits", output)


@pytest.mark.parametrize("mem, megabytes", [("64M", 64), ("512M", 512), ("2G", 2048)])
def test_meminfo_knows_the_machines_memory(mem, megabytes):
    output = run("meminfo", mem=mem)
    total, free = kilobytes(output, "MemTotal"), kilobytes(output, "MemFree")
    archive = os.path.getsize(INITRAMFS) / 1024
    assert megabytes * 1024 * 0.9 - archive < total[0] <= megabytes * 1024
    assert 0 < free[0] <= total[0]
    for line in output.splitlines():
        if line.endswith(" kB"):
            assert re.fullmatch(r"[A-Za-z_()]+: +\d+ kB", line)


def test_buddyinfo_and_zoneinfo_agree_with_meminfo():
    output = run("buddyinfo", "zoneinfo", "meminfo")
    zones = re.findall(r"^Node 0, zone +(\w+) ((?: *\d+ ){11})$", output, re.MULTILINE)
    assert [name for name, _ in zones] == ["DMA", "Normal"]
    in_lists = sum(int(count) << order for _, counts in zones for order, count in enumerate(counts.split()))
    free = sum(int(n) for n in re.findall(r"nr_free_pages (\d+)", output))
    cached = sum(int(n) for n in re.findall(r"count: (\d+)", output))
    assert in_lists + cached == free
    assert kilobytes(output, "MemFree") == [free * 4]


def test_slabinfo_has_linuxs_form():
    output = run("slabinfo")
    assert output.count("slabinfo - version: 2.1\n# name            <active_objs> <num_objs>") == 1
    caches = re.findall(r"^(\S+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) : tunables +0 +0 +0 : slabdata +(\d+) +(\d+) +0$",
                        output, re.MULTILINE)
    assert caches
    for _, active, objects, _, per_slab, _, active_slabs, slabs in caches:
        assert int(active) <= int(objects) == int(per_slab) * int(slabs)
        assert int(active_slabs) <= int(slabs)


def test_vmallocinfo_lists_areas_in_order():
    output = run("alloc vmalloc 20K", "vmallocinfo")
    areas = re.findall(r"^0x([0-9a-f]{16})-0x([0-9a-f]{16}) +(\d+) (.+)$", output, re.MULTILINE)
    end = 0
    for first, last, size, _ in areas:
        assert end <= int(first, 16) and int(last, 16) - int(first, 16) == int(size)
        end = int(last, 16)
    assert any("pages=5 vmalloc" in what and size == "24576" for _, _, size, what in areas), "guard page counted"
    assert any(what.endswith(" ioremap") for _, _, _, what in areas)


def test_iomem_has_linuxs_form():
    output = run("iomem")
    assert re.search(r"^40000000-5fffffff : System RAM\n  40200000-[0-9a-f]{8} : Kernel image$", output, re.MULTILINE)
    assert re.search(r"^09000000-09000fff : pl011$", output, re.MULTILINE)


OWNED_RUN = re.compile(r"^([0-9a-f]{16})-([0-9a-f]{16}) +(\d+) +(\w+)  ([a-z() ]+)$", re.MULTILINE)


@pytest.mark.parametrize("layout, zones", [("arm64", ["DMA", "Normal"]), ("i386", ["DMA", "Normal", "HighMem"])])
def test_frames_says_who_has_each_frame_of_ram(layout, zones):
    output = run("frames", "alloc vmalloc 1M", "frames", "meminfo", layout=layout, mem="1G")
    before, after = output.split("vmalloc of 1048576 bytes")
    owned = {}
    expected = 0x4000_0000
    for first, last, frames, zone, owner in OWNED_RUN.findall(before):
        assert int(first, 16) == expected, "the runs are all of RAM, in order"
        assert int(frames) * 4096 == int(last, 16) + 1 - expected
        assert zone in zones
        owned[owner] = owned.get(owner, 0) + int(frames)
        expected = int(last, 16) + 1
    assert expected == 0x8000_0000
    assert {"free", "reserved", "table", "slab", "vmalloc"} <= set(owned)
    later = {}
    for _, _, frames, _, owner in OWNED_RUN.findall(after):
        later[owner] = later.get(owner, 0) + int(frames)
    assert later["vmalloc"] == owned["vmalloc"] + 256
    assert 4 * (later["free"] + later["free (cached)"]) == kilobytes(output, "MemFree")[0]


def test_what_is_allocated_by_hand_can_be_freed_and_leaves_nothing():
    allocs = ("holdings", "alloc pages 3", "alloc kmalloc 100", "alloc kmalloc 100K", "alloc vmalloc 1M", "alloc")
    first = run(*allocs, kernel=TEST_IMAGE)
    addresses = re.findall(r"^([0-9a-f]{16}) +\d+ bytes", first, re.MULTILINE)
    assert len(addresses) == 4
    frees = [f"free 0x{address}" for address in addresses]
    held = sum(int(n) for n in re.findall(r"^[0-9a-f]{16} +(\d+) bytes", first, re.MULTILINE))
    assert held == 8 * 4096 + 100 + 100 * 1024 + 1024 * 1024
    output = run(*allocs, *frees, "alloc", "holdings", kernel=TEST_IMAGE)
    assert "nothing is allocated by hand" in output
    before, after = holdings(output)
    assert before == after


def test_memory_by_hand_holds_what_is_poked_into_it():
    first = boot("alloc vmalloc 4K").output
    address = re.search(r"^vmalloc of 4096 bytes at (0x[0-9a-f]{16})$", first, re.MULTILINE)[1]
    output = run("alloc vmalloc 4K", f"poke {address} 0x1122334455667788", f"peek {address} 8", f"poke {address} 0x99 1",
                 f"peek {address} 2")
    assert f"{address}  88 77 66 55 44 33 22 11" in output
    assert f"{address}  99 77" in output


def test_a_probe_tells_what_the_mmu_answers():
    output = run("probe 0xffff800008000000", "probe 0xffff800008000000 store", "probe 0xffff000000000000 exec",
                 "probe 0xffff800008000000 load el0", "probe 0x1000000000000", "probe 0x0 store el0")
    assert output.count("the access went through") == 1
    assert "write at 0xffff800008000000: permission fault" in output
    assert "execute at 0xffff000000000000: permission fault" in output
    assert "read at 0xffff800008000000: permission fault" in output
    assert "read at 0x0001000000000000: translation fault at level 0" in output


def test_poweroff_ends_with_its_status():
    assert boot("poweroff").status == 0
    assert boot("poweroff 42").status == 42
