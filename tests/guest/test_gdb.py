# SPDX-License-Identifier: MIT
"""The debugger's side (qemu/gdb) on a machine: symbols and breakpoints on both sides of the MMU, and every `vm`
command. What a command says is compared with what the kernel's shell says of the same moment."""

import os
import re
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import pexpect
import pytest

from machine import BUILD, LAYOUTS, PATIENCE, RUN_PY, TOP, environment

ELF = os.path.join(BUILD, "kernel/meridian.elf")
SCRIPT = os.path.join(TOP, "qemu/gdb/meridian.py")
MARK = "=====next====="
AT_THE_END = ("break power_off", "continue")
TO_MAIN = ("tbreak handle_syscall", "continue", "break *(long)&main", "continue")  # of a program: C libraries call before that
LOAD = 0x4020_0000  # where QEMU puts an Image
HIGH = {"arm64": 0xffff_8000_0800_0000, "arm64-39": 0xffff_ffc0_0800_0000, "x86-64": 0xffff_ffff_8100_0000,
        "i386": 0xffff_ffff_c020_0000, "i386-6.1": 0xffff_ffff_c020_0000}


class Result(NamedTuple):
    """What a batch session left: what GDB printed for each command, the kernel's console, run.py's exit status."""

    said: list
    console: str
    status: int


def gdb(socket, commands, elf):
    """What each command printed. A command that fails does not keep the next from being run."""
    arguments = ["gdb-multiarch", "-batch", "-nx", *([elf] if elf else []), "-ex", "set width 0",
                 "-ex", f"target remote {socket}", "-x", SCRIPT]
    for command in (*commands, "kill"):
        arguments += ["-ex", f"echo {MARK}\\n", "-ex", command]
    done = subprocess.run(arguments, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=2 * PATIENCE,
                          stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", check=False)
    assert "Error" not in done.stdout.split(MARK)[0], done.stdout
    return [text.strip("\n") for text in done.stdout.split(MARK + "\n")[1:-1]]


def debug(*commands, elf=ELF, **variables):
    """Starts a machine halted at reset, and runs the commands in GDB."""
    with tempfile.TemporaryDirectory() as folder:
        socket = os.path.join(folder, "gdb")
        variables = {"run": "help", "timeout": PATIENCE, **variables, "gdb": socket}
        machine = subprocess.Popen([sys.executable, RUN_PY], env=environment(variables), cwd=TOP, encoding="utf-8",
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with machine:
            while not os.path.exists(socket) and machine.poll() is None:
                time.sleep(0.02)
            said = gdb(socket, commands, elf)
            console, _ = machine.communicate(timeout=2 * PATIENCE)
    assert len(said) == len(commands), said
    return Result(said, console.replace("\r", ""), machine.returncode)


def hex_after(word, text):
    return int(re.search(re.escape(word) + r"(0x[0-9a-f]+)", text)[1], 16)


def lines(text, pattern):
    return [line.rstrip() for line in text.splitlines() if re.match(pattern, line)]


def functions(backtrace):
    """The names in it, innermost first."""
    return [re.search(r"([\w>]+) \(", frame)[1] for frame in lines(backtrace, "#")]


RAW_RUN = r"[0-9a-f]{16} [0-9a-f]{16} [0-9a-f]{16} L\d [0-9a-f]{16}$"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_breakpoints_set_at_reset_are_hit_low_and_high(layout):
    """One before the MMU is on, one while it comes on, one after it."""
    _, _, _, first, low, _, coming, _, last, high, info = debug(
        "break early_start", "break kernel_main", "break *(long)&enable_mmu+48", "continue", "print/x $pc", "continue",
        "info symbol $pc", "continue", "backtrace", "print/x $pc", "print meridian::arch::boot_info.image",
        layout=layout).said

    assert "early_start" in first
    assert LOAD < hex_after("= ", low) < LOAD + (1 << 20)
    assert coming.startswith("enable_mmu + 48")
    assert functions(last) == ["kernel_main", "start_high", "entry"]
    assert HIGH[layout] < hex_after("= ", high) < HIGH[layout] + (1 << 20)
    assert hex_after("= ", info) == HIGH[layout], "a variable is printed from where the kernel runs now"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_commands_agree_with_the_shell(layout):
    commands = ("vm dump kernel raw", "vm layout", "vm buddy", "vm zones", "vm slab", "vm vmalloc", "vm check")
    shell = ("run hello; alloc vmalloc 64K; alloc kmalloc 100; layout; zoneinfo; buddyinfo; slabinfo; vmallocinfo; "
             "ptdump kernel raw")
    result = debug(*AT_THE_END, *commands, layout=layout, mem="128M", run=shell)
    raw, regions, buddy, zones, slab, vmalloc, check = result.said[len(AT_THE_END):]
    console = result.console

    runs = lines(console, RAW_RUN)
    assert {"L2", "L3"} <= {run.split()[3] for run in runs} and raw.splitlines() == runs
    shown = [line.partition("  <-")[0] for line in lines(regions, r"[0-9a-f]{16}-")]
    assert shown == lines(console, r"[0-9a-f]{16}-[0-9a-f]{16} ") != []
    assert re.search(r"<- .*PC 0x", regions) and re.search(r"<- .*SP 0x", regions) and "VBAR 0x" in regions
    assert lines(buddy, "Node") == lines(console, r"Node 0, zone +\w+ +\d") != []
    assert zone_counts(zones) == shell_zone_counts(console) != []
    shell_slabs = [re.sub(r" : tunables .* : slabdata +(\d+) +(\d+) +\d+$", r"   \1 \2", line)
                   for line in lines(console, "kmalloc-")]
    assert [line.split() for line in lines(slab, "kmalloc-")] == [line.split() for line in shell_slabs] != []
    assert vmalloc.splitlines() == lines(console, r"0x[0-9a-f]{16}-0x[0-9a-f]{16} +\d+ ") != []
    assert re.search(r"^[1-9]\d* entries looked at, 0 with problems$", check)


def zone_counts(text):
    """(name, free, spanned, present, managed) of each zone."""
    return re.findall(r"^ *(\w+): .*spanned (\d+), present (\d+), managed (\d+), free (\d+)", text, re.MULTILINE)


def shell_zone_counts(console):
    found = re.findall(r"^Node 0, zone +(\w+)\n  pages free +(\d+)\n(?:.*\n){4} +spanned +(\d+)\n +present +(\d+)\n"
                       r" +managed +(\d+)", console, re.MULTILINE)
    return [(name, spanned, present, managed, free) for name, free, spanned, present, managed in found]


def test_before_the_mmu_is_on_the_commands_say_so():
    walk, translate, dump, check, regs, kernel, fault = debug(
        "vm walk $pc", "vm translate 0x40200000", "vm dump", "vm check", "vm regs", "vm zones", "vm fault").said

    assert "The MMU is off" in walk and "TCR_EL1 is 0x0" in walk
    assert translate == "0x0000000040200000 -> 0x0000000040200000: the MMU is off, so that is the physical address"
    assert "The MMU is off" in dump and "no high half" in dump
    assert check.endswith("0 entries looked at, 0 with problems")
    assert regs.startswith("EL1, MMU off") and "64 address bits: not a size" in regs
    assert "has not started" in kernel
    assert fault == "this CPU has taken no synchronous exception to EL1"


def test_registers_and_walks_in_words():
    _, _, regs, code, stack, hole, aliases, frame, info, page, function, parts, wrong = debug(
        "break kernel_main", "continue", "vm regs", "vm walk $pc", "vm walk $sp-8 kernel", "vm walk 0x0001000000000000",
        "vm find-aliases meridian::arch::boot_info.image_phys.start_",
        "vm translate &meridian::arch::boot_info", "print meridian::arch::boot_info", "vm dump $pc",
        "vm translate meridian::kernel_main", "vm dump kernel device 0xfffffbfff0000000-0xfffffbfff0ffffff", "vm regs everything", cpu="cortex-a72").said

    assert regs.startswith("EL1, MMU on")
    assert re.search(r"^  T1SZ +0x10 +48 address bits$", regs, re.MULTILINE)
    assert re.search(r"^  Attr2 0x04 device nGnRE$", regs, re.MULTILINE)
    assert [line.split()[0] for line in lines(code, r"L\d")] == ["L0", "L1", "L2", "L3"]
    assert 'in "vmalloc and image"' in code and "EL1 r-x, EL0 ---" in code
    assert "EL1 execute: allowed" in code
    assert "EL1 write:   refused: EL1 has r-x there: permission fault, level 3" in code
    assert "EL1 write:   allowed" in stack and "EL1 execute: refused" in stack
    assert "EL0" not in stack.partition("leads")[2], "only EL1's accesses were asked for"
    assert 'in "hole"' in hole and "every access: the top bits alone" in hole and "L0" not in hole
    assert aliases.startswith("0xffff800008000000") and "1 address leads to frame 0x40200" in aliases
    assert re.match(r"0xffff8000080\w{5} -> 0x0000000040\w{6}", frame)
    assert re.match(r"0xffff8000080\w\w000-0xffff8000080\w\w000 0x00000000402\w\w000 +4K PTE +ro x ", page)
    assert re.match(r"0xffff8000080\w{5} -> 0x00000000402\w{5}, in", function)
    assert len(lines(parts, "0x")) == 1 and "DEVICE/nGnRE AttrIndx 2 SH outer" in parts
    assert wrong.startswith("vm regs: the translation registers")
    assert "image_phys = 0x0000000040200000-0x" in info and "image = 0xffff800008000000" in info


def test_registers_have_other_names_in_other_qemus():
    """This one calls SCTLR_EL1 by its older name, or does not show a register at all."""
    _, same, _, regs = debug(
        "python import target; target.REGISTER_NAMES['SCTLR_EL1'] = ('SCTLR_OF_TOMORROW', 'SCTLR_EL1', 'SCTLR')",
        "vm regs", "python target.REGISTER_NAMES['PAR_EL1'] = ('PAR_OF_TOMORROW',)", "vm regs").said
    assert re.search(r"^SCTLR_EL1 0x[0-9a-f]{16}$", same, re.MULTILINE) and "does not show" not in same
    assert "PAR_EL1: this QEMU does not show it" in regs and "VBAR_EL1 0x" in regs


def print_as(type_, *words):
    """GDB's command that prints the words as an object of the type."""
    return (f"python print(gdb.Value(b''.join(word.to_bytes(8, 'little') for word in {words}), "
            f"gdb.lookup_type('meridian::{type_}')))")


def test_types_read_as_people_write_them():
    *_, address, frame, range_, frames, page, block, value, error = debug(
        "break kernel_main", "continue", print_as("PhysAddr", 0x4020_0000), print_as("Frame", 0x40200),
        print_as("Range<meridian::VirtAddr>", 0xffff_0000_0000_1000, 0x3000), print_as("FrameRange", 0x40200, 16),
        print_as("arch::Descriptor", 0x0040_0000_4008_0783), print_as("arch::Descriptor", 0x0060_0000_4020_0701),
        print_as("Result<meridian::Frame>", 0x40200, 0), print_as("Result<void>", 0x1234, 6)).said

    assert address == "0x0000000040200000"
    assert frame == "frame 0x40200 (physical 0x40200000)"
    assert range_ == "0xffff000000001000-0xffff000000004000 (12K)"
    assert frames == "frames 0x40200-0x4020f (16)"
    assert page.startswith("0x0040000040080783 at L3: page 0x0000000040080000, EL1 r-x, EL0 ---")
    assert block.startswith("0x0060000040200701 2M block 0x0000000040200000, EL1 rw-, EL0 ---")
    assert value == "value frame 0x40200 (physical 0x40200000)"
    assert error == "error meridian::Errc::not_aligned (0x1234)"


def test_inside_a_program():
    """Its symbols are there by themselves."""
    *_, at_main, way, walk, dump, _, _, _, after = debug(
        *TO_MAIN, "backtrace", "vm walk $pc user", "vm dump user exec", "delete", *AT_THE_END, "info address main",
        run="run hello").said

    assert re.search(r"Breakpoint 2, .*main \(\)", at_main)
    assert functions(way)[-1] == "_start"
    assert 'in "user (TTBR0)"' in walk and "EL0 execute: allowed" in walk and "EL0 write:   refused" in walk
    assert lines(dump, "0x") != [] and all("USR ro NX" in line for line in lines(dump, "0x"))
    assert after.startswith('No symbol "main"'), "the program is gone, and its symbols"


IN_THE_PROGRAM = ["main", "__libc_start_call_main", "__libc_start_main_impl", "_start"]


@pytest.mark.parametrize("variables", [{}, {"cpu": "cortex-a57"}, {"layout": "i386", "mem": "2G"}], ids=str)
def test_a_backtrace_goes_through_a_system_call(variables):
    """From the kernel to the program's first function: with PAN (which hides the program's stack from GDB), without, and
    with that stack in HIGHMEM. The registers of main's caller are those that main found when it began."""
    registers = "print/x {" + ", ".join(["$sp", *(f"$x{index}" for index in range(19, 30))]) + "}"
    *_, before, _, _, way, _, after = debug(
        *TO_MAIN, registers, "break sys_write", "continue", "backtrace", "frame function __libc_start_call_main",
        registers, run="run hello", **variables).said

    assert functions(way)[0] == "sys_write" and "handle_syscall el0_svc write" in " ".join(functions(way))
    assert functions(way)[-5:] == ["printf", *IN_THE_PROGRAM]
    assert re.search(r"^#\d +el0_svc \(\) at arch/aarch64/trap/vectors\.S:\d+$", way, re.MULTILINE)
    assert before.partition("=")[2] == after.partition("=")[2] != ""


def test_a_backtrace_goes_through_a_page_fault():
    *_, way = debug(*TO_MAIN, "break trap_el0_fault", "continue", "backtrace", run="run hello").said
    assert functions(way)[:2] == ["trap_el0_fault", "trap_vectors"]
    assert functions(way)[-4:] == IN_THE_PROGRAM


def test_a_backtrace_goes_through_a_fault_inside_a_system_call():
    """The kernel reads a path where the program has not yet been: two exceptions, one on the other's stack."""
    *_, way = debug("tbreak handle_syscall", "continue", "break trap_el1_sync", "continue", "backtrace", run="run hello").said
    assert functions(way)[:3] == ["trap_el1_sync", "el1_sync", "copy_in_bytes"]
    assert "handle_syscall el0_svc" in " ".join(functions(way))
    assert functions(way)[-2:] == ["__libc_start_main_impl", "_start"]


def test_a_backtrace_goes_through_a_stack_overflow():
    """The fault is at a function's first instruction, before it has a frame."""
    _, _, way = debug("break handle_fatal_fault", "continue", "backtrace", run="crash overflow").said
    assert functions(way)[:5] == ["handle_fatal_fault", "trap_stack_overflow", "stack_overflow", "recurse", "recurse"]
    assert functions(way)[-3:] == ["kernel_main", "start_high", "entry"]


def test_in_the_vectors_each_instruction_is_shown_with_its_line():
    *_, stop, way = debug("tbreak handle_syscall", "continue", "break *&el0_svc", "continue", "backtrace",
                          run="run hello").said
    assert re.search(r"el0_svc \(\) at arch/aarch64/trap/vectors\.S:\d+\n\d+\s+call_handler handle_syscall$", stop)
    assert functions(way)[0] == "el0_svc"
    assert len(functions(way)) == 2, "and what was interrupted"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_processes_and_their_memory(layout):
    """One sleeps; what GDB says of it is what the shell said."""
    shell = "run doze 1000 &; run doze 1; maps 2; ptdump pid 2; pages 2 0x400000"
    commands = ("vm ps", "vm maps 2", "vm dump raw pid 2", "vm walk 0x400000 pid 2", "vm translate 0x400000 pid 2",
                "vm maps 9", "vm walk 0x400000 asid x")
    result = debug(*AT_THE_END, *commands, layout=layout, run=shell)
    ps, maps, dump, walk, translate, none, wrong = result.said[len(AT_THE_END):]

    assert re.search(r"^     2     0 sleeping +\d 0x[0-9a-f]{16} +\d+ +[1-9]\d*K doze$", ps, re.MULTILINE), ps
    assert maps.splitlines() == re.findall(r"^[0-9a-f]{8,}-[0-9a-f]{8,} [r-][w-][x-][ps] .*$", result.console, re.MULTILINE)
    assert "/bin/doze" in maps and "[heap]" in maps and "[stack]" in maps
    mapped = re.findall(r"^0x([0-9a-f]{16})-0x[0-9a-f]{16} .* PTE .*USR", result.console, re.MULTILINE)
    assert mapped and set(mapped) <= {line.split()[0] for line in dump.splitlines()}
    frame = int(re.search(r"^0x0+400000  PFN ([0-9a-f]+)", result.console, re.MULTILINE)[1], 16)
    assert f"leads to {frame << 12:#x}" in walk and "EL0 execute: allowed" in walk
    assert translate.startswith(f"0x0000000000400000 -> {frame << 12:#018x}")
    assert none == "there is no process 9: `vm ps` lists them" and "a decimal number is needed" in wrong


def test_the_heap_of_the_program_is_marked():
    *_, layout = debug(*TO_MAIN, "vm layout", run="run hello").said
    assert re.search(r"user \(TTBR0\)  <- PC 0x4\w{5}, SP 0x\w+, heap 0x\w+$", layout, re.MULTILINE)


def test_another_cpu_is_stopped_on_its_way_up():
    """It comes through the low code when the first CPU has long been high."""
    *_, stop, symbol, thread, _, _, breakpoints = debug(
        "break kernel_main", "continue", "break secondary_entry", "continue", "info symbol $pc", "thread",
        *AT_THE_END, "info breakpoints", cpus=2, layout="x86-64").said
    assert "Thread 2 hit Breakpoint 2" in stop
    assert "secondary_entry in section .text" in symbol and "Current thread is 2" in thread
    assert len(lines(breakpoints, r".* in meridian::arch::power_off")) == 1, "no CPU runs low any more"


def test_whose_a_frame_is():
    """A page of the program's stack: two addresses lead to it, its own and the linear map's."""
    *_, frame, aliases, image, outside, unused = debug(
        *TO_MAIN, "vm frame $vm_physical($sp) >> 12", "vm find-aliases $vm_physical($sp) >> 12",
        "vm frame 0x40200", "vm frame 0x9000", "vm frame 0x5f000", run="run hello").said

    assert re.search(r": user, order \d+, block .*, 1 reference$", frame)
    assert "2 addresses lead to frame" in aliases
    assert 'in "user (TTBR0)"' in aliases and 'in "linear map"' in aliases
    physical = hex_after("physical ", frame)
    assert f"page {physical:#018x}, EL1 rw-, EL0 rw-" in aliases
    assert f"2M block {physical & -2 << 20:#018x}, EL1 rw-" in aliases, "the block, not the first of its run"
    assert image.endswith(": reserved") and outside.endswith(": no RAM") and unused.endswith(": free, never used yet")


def test_a_fault_is_explained():
    _, _, fault, way = debug("break handle_fatal_fault", "continue", "vm fault", "backtrace", run="crash null").said

    assert "ESR_EL1 0x96000044: data abort from EL1: write: translation fault, level 0" in fault or \
           "ESR_EL1 0x96000004: data abort from EL1: read: translation fault, level 0" in fault
    assert re.search(r"ELR_EL1 0x\w+: .*crash_null", fault)
    assert re.search(r'FAR_EL1 0x00000000000000\w\w, in "user \(TTBR0\)"', fault)
    assert fault.endswith("now: nothing is mapped there: translation fault, level 0")
    assert re.search(r"trap_el1_sync(.*\n)+.* el1_sync (.*\n)+.*crash_null(.*\n)+.*kernel_main", way)


def test_a_backtrace_goes_through_an_interrupt():
    """The one that wakes another CPU, if none came before."""
    _, _, way = debug("break trap_irq", "continue", "backtrace", cpus=2, run="on 1 help").said
    assert re.match(r"#0 .*trap_irq .*\n#1 .* el1_irq \(\) at .*vectors\.S", way)
    assert functions(way)[-1] in ("entry", "thread_start", "secondary_entry")


def test_no_command_changes_the_machine():
    """Registers and tables are the same after all commands, and the run ends as it would without a debugger."""
    commands = ("vm regs", "vm walk $pc", "vm dump", "vm check", "vm translate $pc", "vm find-aliases 0x40200",
                "vm fault", "vm layout", "vm zones", "vm buddy", "vm slab", "vm vmalloc", "vm frame 0x40200")
    result = debug("break run_shell_commands", "continue", "info all-registers", "vm dump raw", *commands,
                   "info all-registers", "vm dump raw", "delete", "continue", run="help")
    assert result.said[2] == result.said[-4] and "x30" in result.said[2]
    assert result.said[3] == result.said[-3] != ""
    assert result.status == 0 and "meminfo" in result.console


def test_walk_and_dump_need_no_symbols():
    """As with a kernel of somebody else's."""
    with_symbols = debug(*AT_THE_END, "vm dump raw", "print/x $pc").said
    stop = f"hbreak *{hex_after('= ', with_symbols[-1]):#x}"
    _, _, dump, walk, regs, layout = debug("set architecture aarch64", stop, "continue", "vm dump raw", "vm walk $pc",
                                           "vm regs", "vm layout", elf=None).said[1:]
    assert dump == with_symbols[-2]
    assert "EL1 execute: allowed" in walk and regs.startswith("EL1, MMU on") and "symbols" in layout


def test_every_command_has_help_and_completes():
    names = ("buddy", "check", "dump", "fault", "find-aliases", "frame", "layout", "maps", "ps", "regs", "slab",
             "translate", "vmalloc", "walk", "zones")
    known, words, symbols, overview, wrong, *helps = debug(
        "complete vm ", "complete vm dump k", "complete vm walk enable_m", "vm", "vm everything", *(f"help vm {name}" for name in names)).said

    assert known.splitlines() == [f"vm {name}" for name in names]
    assert words == "vm dump kernel"
    assert "vm walk enable_mmu" in symbols.splitlines()
    assert re.findall(r"^vm ([a-z-]+) -- vm", overview, re.MULTILINE) == list(names) and "no such command" in wrong
    for name, text in zip(names, helps):
        assert text.startswith(f"vm {name}")


def test_a_broken_descriptor_is_found():
    """GDB writes what the kernel never would: a block into an unused slot of the root."""
    _, _, before, _, after = debug(
        *AT_THE_END, "vm check", "set var *(unsigned long*)(0xffff000000000000 + ($TTBR1_EL1 & 0xfffffffff000) - "
        "0x40000000 + 8 * 200) = 0x0000000040000001", "vm check", run="help").said
    assert before.endswith("0 with problems")
    assert "a block where none may be" in after and after.endswith("1 with problems")


def test_make_debug_gives_a_gdb_with_everything_loaded():
    """On a terminal, whose session this process leads."""
    terminal = pexpect.spawn(sys.executable, [RUN_PY, "--debug"], env=environment({"run": "help"}), cwd=TOP,
                             timeout=PATIENCE, encoding="utf-8", echo=False, dimensions=(50, 200))
    for command in ("break kernel_main", "continue", "vm translate $pc"):
        terminal.expect_exact("(gdb) ")
        terminal.sendline(command)
    terminal.expect(r"0xffff8000080\w+ -> 0x0000000040\w+, in")
    terminal.sendline("quit")
    terminal.expect(pexpect.EOF)


@pytest.mark.deep
@pytest.mark.parametrize("variables", [
    {"cpu": "max", "mem": "1T", "el": 2}, {"cpu": "cortex-a53", "mem": "64M", "gic": 2, "poison": 1},
    {"cpu": "cortex-a72", "cpus": 4, "poison": 2, "el": 2},
], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_machines(layout, variables):
    result = debug("break kernel_main", "continue", "break power_off", "continue", "vm dump kernel raw", "vm check",
                   layout=layout, run="run hello; ptdump kernel raw", **variables)
    assert "kernel_main" in result.said[1]
    assert result.said[4].splitlines() == lines(result.console, RAW_RUN) != []
    assert result.said[5].endswith("0 with problems")
