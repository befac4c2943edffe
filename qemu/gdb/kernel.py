# SPDX-License-Identifier: MIT
"""The kernel's own data, by the names and types of its debug information: no offset is written down here."""

import contextlib
import os
import re

import gdb

import target
from walk import Unreadable

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORD = (1 << 64) - 1


class NoKernel(gdb.GdbError):
    """The symbols, or what they name, are not there (yet)."""


@contextlib.contextmanager
def cxx():
    """Expressions are C++, wherever the machine stands (in assembly GDB would not know `::`)."""
    before = gdb.parameter("language")
    gdb.execute("set language c++", to_string=True)
    try:
        yield
    finally:
        gdb.execute(f"set language {before}", to_string=True)


def evaluate(expression):
    """The value of an expression as a person may type it; of a function or an array, its address. Not while physical
    memory is open: GDB would read that."""
    with cxx():
        value = gdb.parse_and_eval(expression)
        if value.type.strip_typedefs().code in (gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_ARRAY):
            return value.address
        value.fetch_lazy()
        return value


def address_of(name):
    """Where the symbol is, as the symbols are loaded now; None if there is no such symbol."""
    try:
        with cxx():
            return int(gdb.parse_and_eval(f"(unsigned long)&{name}")) & WORD
    except gdb.error:
        return None


def type_of(name):
    with cxx():
        try:
            return gdb.lookup_type(name).strip_typedefs()
        except gdb.error:
            raise NoKernel(f"the kernel's symbols have no type {name}") from None


class Kernel:
    """The kernel's variables, read through its tables into values of their types:

    with Kernel() as kernel:
        layout = kernel.variable("meridian::(anonymous namespace)::chosen")
    """

    def __enter__(self):
        self._physical = target.PhysicalMemory()
        self._memory = target.VirtualMemory(self._physical.__enter__())
        return self

    def __exit__(self, *_):
        self._physical.__exit__()

    def read(self, address, size):
        """Unreadable where nothing is mapped."""
        return self._memory.read(address, size)

    def at(self, address, type_):
        """The object of a type at an address."""
        return gdb.Value(self.read(address, type_.sizeof), type_)

    def variable(self, name):
        """A variable by its full name."""
        with cxx():
            symbol = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
            if symbol is None:
                raise NoKernel(f"the kernel's symbols have no {name}")
            address = int(symbol.value().address) & WORD
        try:
            return self.at(address, symbol.type.strip_typedefs())
        except Unreadable:
            raise NoKernel(f"{name} cannot be read: is the kernel running?") from None

    def pointed(self, pointer):
        """What a pointer points to, or one in an std::atomic."""
        pointer = innermost(pointer)
        return self.at(number(pointer), pointer.type.strip_typedefs().target().strip_typedefs())

    def text(self, value):
        """An std::string_view, FixedText or char pointer as a str."""
        type_ = value.type.strip_typedefs()
        if type_.code == gdb.TYPE_CODE_PTR:
            return self._c_string(number(value))
        if find_field(type_, "text_"):
            length = int(value["size_"])
            return bytes(int(value["text_"][index]) & 0xff for index in range(length)).decode("utf-8", "replace")
        return self.read(number(value["_M_str"]), int(value["_M_len"])).decode("utf-8", "replace")

    def _c_string(self, address):
        data = b""
        while True:
            byte = self.read(address + len(data), 1)
            if byte == b"\0":
                return data.decode("utf-8", "replace")
            data += byte


def find_field(type_, name):
    """(offset, type) of a field, in the type itself or in a base; None if there is none."""
    for field in type_.strip_typedefs().fields():
        if not hasattr(field, "bitpos"):
            continue  # static
        if field.name == name and not field.is_base_class:
            return field.bitpos // 8, field.type
        if field.is_base_class:
            found = find_field(field.type, name)
            if found:
                return field.bitpos // 8 + found[0], found[1]
    return None


def base_offset(type_, base):
    """Where the part that a class inherits from `base` lies in it."""
    return next(field.bitpos // 8 for field in type_.fields() if field.is_base_class and field.name == base)


def offset_of(type_, *path):
    """Of a field of a field of ... a type."""
    offset = 0
    for name in path:
        further, type_ = find_field(type_, name)
        offset += further
    return offset


def holds_data(field):
    """Neither static nor an empty base."""
    if not hasattr(field, "bitpos"):
        return False
    type_ = field.type.strip_typedefs()
    return type_.code != gdb.TYPE_CODE_STRUCT or any(map(holds_data, type_.fields()))


def innermost(value):
    """What is in an std::atomic, or in any type of ours that holds just one thing: a number, enumerator or pointer."""
    while value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        fields = [field for field in value.type.strip_typedefs().fields() if holds_data(field)]
        if len(fields) != 1:
            raise NoKernel(f"{value.type} is not one number")
        value = value[fields[0]]
    return value


def number(value):
    """That as an int."""
    value = innermost(value)
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        return int(value.cast(gdb.lookup_type("unsigned long"))) & WORD
    return int(value)


def elements(array):
    """The elements of an std::array or a plain one."""
    if array.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        array = array["_M_elems"]
    first, last = array.type.strip_typedefs().range()
    return [array[index] for index in range(first, last + 1)]


def declared_fields(path):
    """{name: (high, low)} of the Field<high, low> and Bit<n> that a header of the kernel declares. The compiler leaves
    such names out of the debug information."""
    with open(os.path.join(TOP, path), encoding="utf-8") as header:
        found = re.findall(r"using (\w+) =\s+(?:Field<(\d+), (\d+)|Bit<(\d+))", header.read())
    return {name: (int(high or bit), int(low or bit)) for name, high, low, bit in found}


def enumerator(value):
    """The name of an enumerator, without its type's."""
    return str(innermost(value)).rpartition("::")[2]
