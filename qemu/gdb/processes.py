# SPDX-License-Identifier: MIT
"""The kernel's processes and their memory: `vm ps`, `vm maps`, and whose tables `vm walk ... pid N` reads."""

from typing import NamedTuple

import gdb

import target
from command import VmCommand, print_
from kernel import Kernel, base_offset, elements, enumerator, number, type_of

TABLE = "meridian::(anonymous namespace)::process_table"
SIGRETURN = "meridian::(anonymous namespace)::sigreturn_page"
NAME_COLUMN = 73  # as in Linux's maps


class Process(NamedTuple):
    """What there is to say of one; `space` is the address of its UserSpace, 0 once it has ended."""

    pid: int
    parent: int
    state: str
    cpu: int
    name: str
    space: int
    stack: int  # where its program found it
    address: int


class Vma(NamedTuple):
    start: int
    end: int
    traits: gdb.Value
    object: int
    first_page: int


def treap(view, tree, hook):
    """The objects of a Treap, in order."""

    def below(pointer):
        if number(pointer):
            item = view.pointed(pointer)
            yield from below(item[hook]["left"])
            yield number(pointer), item
            yield from below(item[hook]["right"])

    yield from below(tree["root_"])


def processes(view):
    for address, process in treap(view, view.variable(TABLE)["value_"]["by_pid_"], "by_pid"):
        yield describe(view, address, process)


def describe(view, address, process):
    family, resources = process["family"], process["resources_"]["value_"]
    parent, thread = family["parent"], view.pointed(process["thread_"]["object_"])
    state = enumerator(family["state"])
    if state == "alive":
        state = enumerator(thread["state_"])
    return Process(number(process["pid_"]), number(view.pointed(parent)["pid_"]) if number(parent) else 0, state,
                   int(thread["cpu"]), view.text(resources["name"]), number(process["space_"]["object_"]),
                   number(resources["places"]["stack"]), address)


def process_of(view, pid):
    for process in processes(view):
        if process.pid == pid:
            return process
    raise gdb.GdbError(f"there is no process {pid}: `vm ps` lists them")


def current(view):
    """The address of the process whose thread the selected CPU runs, or 0; TPIDR_EL1 is where the thread's context is."""
    thread = type_of("meridian::Thread")
    at = target.register("TPIDR_EL1") - base_offset(thread, "meridian::arch::ThreadContext")
    return number(view.at(at, thread)["process"])


def space_at(view, address):
    return view.at(address, type_of("meridian::UserSpace"))


def resident_pages(space):
    return sum(int(space["stats_"][kind]) for kind in ("anonymous", "file", "shared"))


def asid_of(space):
    return number(space["asid_"]["value_"]) & 0xffff


def half_of(words):
    """`pid N` or `asid N`: the low half of that process, whichever is active."""
    kind, value = words
    if not value.isdecimal():
        raise gdb.GdbError(f"{kind} {value}: a decimal number is needed")
    with Kernel() as view:
        for process in processes(view):
            if not process.space:
                continue
            space = space_at(view, process.space)
            if int(value) == (process.pid if kind == "pid" else asid_of(space)):
                root = number(space["root_"]) << 12
                return target.half("low")._replace(root=root, asid=asid_of(space))
    raise gdb.GdbError(f"no process has {kind} {value}: `vm ps` lists them")


def vmas(view, space):
    """Its VMAs, lowest first."""
    type_ = type_of("meridian::Vma")
    node_offset = base_offset(type_, "meridian::AreaNode")

    def below(node):
        if node:
            vma = view.at(node - node_offset, type_)
            left, right = (number(child) for child in elements(vma["child_"]))
            yield from below(left)
            start = int(vma["start_"])
            yield Vma(start, start + int(vma["size_"]), vma["traits"], number(vma["object"]["object_"]),
                      int(vma["first_page"]))
            yield from below(right)

    yield from below(number(space["vmas_"]["tree_"]["raw_"]["root_"]))


class Files:
    """Names of files that are mapped: an object knows its inode, and that the directory with its name."""

    def __init__(self, view):
        self._view = view
        self._inode = type_of("meridian::Inode")
        self._directory = type_of("meridian::(anonymous namespace)::TmpfsDirectory")
        self._name = type_of("meridian::(anonymous namespace)::Name")

    def of(self, object_):
        """(device, inode number, name) of what a memory object is."""
        of = self._view.at(object_, type_of("meridian::MemoryObject"))["of_"]["value_"]
        device, inode = int(of["id"]["device"]), int(of["id"]["inode"])
        if not number(of["file"]):
            return device, inode, "(deleted)" if inode else "/dev/zero (deleted)"
        return device, inode, self._path(number(of["file"]) - base_offset(self._inode, "meridian::RefCounted"))

    def _path(self, inode):
        home = number(self._view.at(inode, self._inode)["metadata_"]["value_"]["home"])
        path = ""
        while home and home != inode:  # the root is its own parent
            names = self._view.at(home, self._directory)["names_"]["value_"]
            path = f"/{self._name_of(names, inode)}{path}"
            inode, home = home, number(names["parent"])
        return path or "(deleted)"

    def _all(self, names):
        return treap(self._view, names["by_position"], "by_position")

    def _name_of(self, names, inode):
        for address, name in self._all(names):
            if number(name["inode"]["object_"]) == inode:
                return self._view.read(address + self._name.sizeof, int(name["size"])).decode("utf-8", "replace")
        return "?"


def maps_line(view, files, process, space, vma):
    """As the shell's `maps`, and Linux's /proc/PID/maps."""
    may, offset, device, inode, name = vma.traits["protection"], 0, 0, 0, ""
    if vma.object == number(view.variable(SIGRETURN)):
        name = "[vdso]"
    elif vma.object:
        offset = vma.first_page << 12
        device, inode, name = files.of(vma.object)
    elif vma.start < number(space["break_"]) and number(space["break_start_"]) < vma.end:
        name = "[heap]"
    elif vma.traits["grows_down"] and vma.start <= process.stack < vma.end:
        name = "[stack]"
    rights = "".join(letter if may[right] else "-" for letter, right in
                     (("r", "read"), ("w", "write"), ("x", "execute"))) + ("s" if vma.traits["shared"] else "p")
    line = f"{vma.start:08x}-{vma.end:08x} {rights} {offset:08x} {device >> 8:02x}:{device & 0xff:02x} {inode} "
    return f"{line:<{NAME_COLUMN}}{name}" if name else line


class ShowProcesses(VmCommand):
    """vm ps: the processes: number, parent, state, CPU, first table and ASID, resident memory, name.

    * marks the one whose thread the selected CPU runs."""

    name = "ps"

    def run(self, words):
        if words:
            raise self.usage()
        with Kernel() as view:
            mine = current(view)
            print_("   pid  ppid state    CPU TTBR0 table          ASID      rss name")
            for process in processes(view):
                root, asid, resident = "-", "-", 0
                if process.space:
                    space = space_at(view, process.space)
                    root, asid = f"{number(space['root_']) << 12:#018x}", asid_of(space)
                    resident = 4 * resident_pages(space)
                print_(f"{'*' if process.address == mine else ' '}{process.pid:>5} {process.parent:>5} "
                       f"{process.state:<8} {process.cpu:>3} {root:<18} {asid:>6} {resident:>7}K {process.name}")


class Maps(VmCommand):
    """vm maps PID: what is mapped in a process, as the shell's `maps` and /proc/PID/maps."""

    name = "maps"

    def run(self, words):
        if len(words) != 1 or not words[0].isdecimal():
            raise self.usage()
        with Kernel() as view:
            process = process_of(view, int(words[0]))
            if not process.space:
                return
            space, files = space_at(view, process.space), Files(view)
            for vma in vmas(view, space):
                print_(maps_line(view, files, process, space, vma))


COMMANDS = (ShowProcesses, Maps)
