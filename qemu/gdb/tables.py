# SPDX-License-Identifier: MIT
"""The commands that need no symbols: they read what the MMU reads, of any kernel that runs on arm64."""

import gdb

import dump
import processes
import sysregs
import target
from command import VmCommand, address, address_range, frame_number, print_, split_option
from descriptor import problems
from kernel import number
from regions import region_name
from walk import NoTables, entries, half_name, walk, why_refused

HALVES = {"kernel": "high", "user": "low"}
LEVELS = {"kernel": 1, "user": 0}
PROCESS_WORDS = ("pid", "asid")
ROOTS = {"high": "TTBR1_EL1", "low": "TTBR0_EL1"}


def split_process(words):
    """(the words before, the low half of the process that `pid N` or `asid N` names at their end; None without)."""
    if len(words) > 1 and words[-2] in PROCESS_WORDS:
        return words[:-2], processes.half_of(words[-2:])
    return words, None


def memory_types():
    return sysregs.memory_types(target.register("MAIR_EL1") or 0)


def wxn():
    return bool((target.register("SCTLR_EL1") or 0) >> 19 & 1)


def half_for(va, theirs):
    """The half that `va` lies in; a low one may be a certain process's."""
    name = half_name(va)
    return theirs if theirs and name == "low" else target.half(name)


def say_if_mmu_is_off():
    if not target.mmu_is_on():
        print_("The MMU is off: this CPU takes every address for a physical one. What the registers name:")


def halves(names):
    """(half, or the reason why there is none) for `kernel`, `user`."""
    for name in names:
        try:
            yield target.half(HALVES[name]), None
        except NoTables as problem:
            yield None, str(problem)


def print_walk(found, which):
    types = memory_types()
    for step in found.steps:
        print_(f"L{step.entry.level} table {step.table:#018x} [{step.index:3}] {step.entry.raw:016x} "
               f"{step.entry.words(types, step.limits, wxn())}")
    if found.limits.words():
        print_("so the tables leave " + ", ".join(found.limits.words()))
    if which.ignores_limits:
        print_("TCR_EL1.HPD is set: what tables say of rights counts for nothing")


def print_verdicts(found, levels):
    """What each access of the exception levels meets."""
    if found.physical is None:
        print_(f"every access: {why_refused(found, 'read', el0=False)}")
        return
    for level in levels:
        for access in ("read", "write", "execute"):
            refusal = why_refused(found, access, level == 0, wxn(), target.pan())
            print_(f"EL{level} {access + ':':<8} {'refused: ' + refusal if refusal else 'allowed'}")


class Walk(VmCommand):
    """vm walk ADDR [user|kernel] [pid N|asid N]: each descriptor that leads to ADDR, and what each access meets.

    With `user` or `kernel` only the accesses of EL0 or EL1. Says where the address lies, the table, index and
    descriptor of each level in words, what tables above take away, where it leads, and why an access would fault.
    With `pid` or `asid` (decimal) a low address is that process's, whichever is active."""

    name, words, symbols = "walk", ("user", "kernel", "pid", "asid"), True

    def run(self, words):
        words, theirs = split_process(words)
        words, who = split_option(words, HALVES)
        if not words:
            raise self.usage()
        va = address(" ".join(words))
        say_if_mmu_is_off()
        which = half_for(va, theirs)
        with target.PhysicalMemory() as memory:
            found = walk(which, memory, va)
        print_(f"{va:#018x}{region_name(va)}, {which.name} half of {which.va_bits} bits, "
               f"{ROOTS[which.name]} table {which.root:#x}")
        print_walk(found, which)
        if found.physical is not None:
            print_(f"leads to {found.physical:#x}")
        print_verdicts(found, [LEVELS[name] for name in who or HALVES])


class Translate(VmCommand):
    """vm translate ADDR [pid N|asid N]: the physical address that ADDR leads to, by the tables."""

    name, words, symbols = "translate", PROCESS_WORDS, True

    def run(self, words):
        words, theirs = split_process(words)
        if not words:
            raise self.usage()
        va = address(" ".join(words))
        if not target.mmu_is_on():
            print_(f"{va:#018x} -> {va:#018x}: the MMU is off, so that is the physical address")
            return
        which = half_for(va, theirs)
        with target.PhysicalMemory() as memory:
            found = walk(which, memory, va)
        if found.physical is None:
            raise gdb.GdbError(f"{va:#018x}{region_name(va)}: {why_refused(found, 'read', el0=False)}")
        print_(f"{va:#018x} -> {found.physical:#018x}{region_name(va)}")


class PhysicalOf(gdb.Function):
    """$vm_physical(ADDR): the physical address, for expressions: vm frame $vm_physical($sp) >> 12"""

    def __init__(self):
        super().__init__("vm_physical")

    def invoke(self, va):
        va = number(va) & (1 << 64) - 1
        if not target.mmu_is_on():
            return va
        with target.PhysicalMemory() as memory:
            found = walk(target.half(half_name(va)), memory, va)
        if found.physical is None:
            raise gdb.GdbError(f"{va:#x} leads nowhere")
        return found.physical


class Registers(VmCommand):
    """vm regs: the translation registers and the last exception of this CPU, field by field."""

    name = "regs"

    def run(self, words):
        if words:
            raise self.usage()
        print_(f"EL{target.exception_level()}, MMU {'on' if target.mmu_is_on() else 'off'}")
        for name, fields in (("SCTLR_EL1", sysregs.SCTLR_EL1), ("TCR_EL1", sysregs.TCR_EL1),
                             ("TTBR0_EL1", sysregs.TTBR), ("TTBR1_EL1", sysregs.TTBR)):
            self._show(name, lambda value, fields=fields: sysregs.field_lines(fields, value))
        self._show("MAIR_EL1", lambda value: [f"  Attr{slot} {value >> 8 * slot & 0xff:#04x} {words}" for slot, words
                                              in enumerate(sysregs.memory_types(value))])
        self._show("ESR_EL1", lambda value: ["  " + sysregs.Syndrome(value).words()])
        self._show("PAR_EL1", lambda value: ["  " + sysregs.par_words(value)])
        for name in ("FAR_EL1", "ELR_EL1", "VBAR_EL1"):
            self._show(name, lambda value: [])

    @staticmethod
    def _show(name, lines):
        value = target.register(name)
        if value is None:
            print_(f"{name}: this QEMU does not show it")
            return
        print_(f"{name} {value:#018x}")
        for line in lines(value):
            print_(line)


class Dump(VmCommand):
    """vm dump [kernel|user] [raw] [FILTER...] [ADDR|FIRST-LAST] [pid N|asid N]: what is mapped, as the shell's `ptdump`.

    With the physical address, AttrIndx and SH of each run besides. A run is what has the same bits and leads to
    frames in a row. `raw` prints lines for programs: first, last, physical, level, descriptor without the address.
    Filters: user write readonly exec device block page contiguous global; a run must meet all of them.
    Without `kernel` or `user` both halves. `pid N` or `asid N` (decimal): the low half of that process."""

    name, symbols = "dump", True
    words = tuple(HALVES) + ("raw",) + tuple(dump.FILTERS) + PROCESS_WORDS

    def run(self, words):
        words, theirs = split_process(words)
        words, names = split_option(words, HALVES)
        words, raw = split_option(words, ("raw",))
        words, filters = split_option(words, dump.FILTERS)
        first, last = address_range(" ".join(words)) if words else (0, (1 << 64) - 1)
        say_if_mmu_is_off()
        for which, problem in [(theirs, None)] if theirs else halves(names or HALVES):
            if which is None:
                print_(problem)
            elif first <= which.last and last >= which.first:
                self._dump(which, max(first, which.first), min(last, which.last), raw, filters)

    @staticmethod
    def _dump(which, first, last, raw, filters):
        mair = target.register("MAIR_EL1") or 0
        with target.PhysicalMemory() as memory:
            for run in dump.runs(which, memory, first, last, say_unreadable):
                if all(dump.FILTERS[name](run, mair) for name in filters):
                    print_(dump.raw_line(run) if raw else dump.line(run, mair))


def say_unreadable(va, problem):
    print_(f"{va:#018x}: the table for this cannot be read: {problem}")


class FindAliases(VmCommand):
    """vm find-aliases FRAME: every address, kernel and user, that leads to the frame.

    FRAME is a frame number, or an expression of type Frame or PhysAddr."""

    name, symbols = "find-aliases", True

    def run(self, words):
        if not words:
            raise self.usage()
        physical = frame_number(" ".join(words)) << 12
        mair, count = target.register("MAIR_EL1") or 0, 0
        for which, problem in halves(HALVES):
            if which is None:
                print_(problem)
                continue
            with target.PhysicalMemory() as memory:
                addresses = [run.start + physical - run.physical for run in dump.runs(which, memory)
                             if run.physical <= physical < run.physical + run.size]
                found = [walk(which, memory, va) for va in addresses]
            for one in found:
                leaf = one.steps[-1]
                print_(f"{one.va:#018x}{region_name(one.va)}: {leaf.entry.words(sysregs.memory_types(mair), leaf.limits)}")
            count += len(found)
        print_(f"{count} address{'' if count == 1 else 'es'} lead{'s' if count == 1 else ''} to frame "
               f"{physical >> 12:#x}, physical {physical:#x}")


class Check(VmCommand):
    """vm check [kernel|user]: looks for descriptors that are malformed, or grant what they should not.

    Reserved bits, block encodings where none may be, outputs that are not aligned, tables without RAM, pages that
    are writable and executable, executable devices, user pages in the kernel's half, kernel pages that EL0 may
    execute, global pages in the low half. Ends with how many entries were looked at."""

    name, words = "check", tuple(HALVES)

    def run(self, words):
        unknown, names = split_option(words, HALVES)
        if unknown:
            raise self.usage()
        say_if_mmu_is_off()
        looked, wrong = 0, 0
        for which, problem in halves(names or HALVES):
            if which is None:
                print_(problem)
                continue
            half_looked, half_wrong = self._check(which)
            looked, wrong = looked + half_looked, wrong + half_wrong
        print_(f"{looked} entries looked at, {wrong} with problems")

    @staticmethod
    def _check(which):
        """(entries looked at, those with problems) of a half."""
        looked, wrong, types = 0, 0, memory_types()

        def unreadable(va, problem):
            nonlocal wrong
            wrong += 1
            say_unreadable(va, problem)

        alignment = max(64, 8 * which.entries(which.first_level))
        if which.root % alignment:
            wrong += 1
            print_(f"{ROOTS[which.name]}: the table at {which.root:#x} is not aligned to {alignment}")
        with target.PhysicalMemory() as memory:
            for va, entry, limits in entries(which, memory, on_unreadable=unreadable):
                looked += 1
                found = problems(entry, which.name, limits, types)
                if found:
                    wrong += 1
                    print_(f"{va:#018x} L{entry.level} {entry.raw:016x}: {'; '.join(found)}")
        return looked, wrong


class Fault(VmCommand):
    """vm fault: the last exception that this CPU took to EL1, explained.

    What happened, where the address lies, the walk to it, and whether the tables allow the access now."""

    name = "fault"

    def run(self, words):
        if words:
            raise self.usage()
        syndrome, elr = sysregs.Syndrome(target.register("ESR_EL1")), target.register("ELR_EL1")
        if syndrome.raw == 0:  # not even the instruction's length
            print_("this CPU has taken no synchronous exception to EL1")
            return
        print_(f"ESR_EL1 {syndrome.raw:#010x}: {syndrome.words()}")
        print_(f"ELR_EL1 {elr:#018x}: {gdb.execute(f'info symbol {elr:#x}', to_string=True).strip()}")
        if not syndrome.has_address:
            return
        va = target.register("FAR_EL1")
        print_(f"FAR_EL1 {va:#018x}{region_name(va)}")
        self._explain(syndrome, va)

    @staticmethod
    def _explain(syndrome, va):
        say_if_mmu_is_off()
        which = target.half(half_name(va))
        with target.PhysicalMemory() as memory:
            found = walk(which, memory, va)
        print_walk(found, which)
        if not syndrome.is_abort:
            return
        refusal = why_refused(found, syndrome.access, syndrome.from_el0, wxn(), target.pan("SPSR_EL1"))
        print_(f"now: {refusal}" if refusal else
               f"now: the tables allow this {syndrome.access}: they have changed, or the TLB held something older")


COMMANDS = (Walk, Translate, PhysicalOf, Registers, Dump, FindAliases, Check, Fault)
