# SPDX-License-Identifier: MIT
"""The recorded tables: as memory that can be walked, and as data, each content and each wording once."""

import dump
from descriptor import LAST_LEVEL, TABLE, Descriptor, Limits, output_mask
from shell_texts import PAGE
from walk import Unreadable


class Memory:
    """The recorded tables of one half, as memory that dump.runs() reads."""

    def __init__(self, tables):
        self._tables = tables

    def read(self, address, size):
        table = self._tables.get(address & -PAGE)
        if table is None:
            raise Unreadable(address)
        start = (address & PAGE - 1) // 8
        return b"".join(table["words"].get(start + slot, 0).to_bytes(8, "little") for slot in range(size // 8))


class Words:
    """What entries say, in words: each wording once, with the number that entries refer to it by."""

    def __init__(self):
        self.all, self._numbers = [], {}

    def number(self, entry, limits, types):
        bits = entry.raw & ~output_mask(entry.page_shift)
        key = (entry.level, bits, limits, tuple(types))
        if key not in self._numbers:
            self._numbers[key] = len(self.all)
            self.all.append(self._describe(entry, limits, types))
        return self._numbers[key]

    @staticmethod
    def _describe(entry, limits, types):
        if entry.kind != dump.LEAF:
            return {"kind": entry.kind, "what": entry.kind, "text": ", ".join(entry.limits.words())}
        what, *rest = entry.words(types, limits).split(", ")
        el1, el0 = entry.el1_rights(limits), entry.el0_rights(limits)
        device = types[entry.attr_index].startswith("device")
        rights = "rx" if el1.execute or el0.execute else "dev" if device else "rw" if el1.write or el0.write else "ro"
        return {"kind": "leaf", "what": what.partition(" 0x")[0], "text": ", ".join(rest), "el1": str(el1),
                "el0": str(el0), "rights": rights, "user": entry.user}


class Tables:
    """All tables that any moment knew: each content once, with the number that moments refer to it by."""

    def __init__(self, words):
        self.all, self._numbers, self._words = [], {}, words

    def numbers(self, recorded, half, types):
        """{address: number} of the tables of one half; their entries in words, with what tables above take away."""
        numbers, waiting = {}, [(half.root, Limits())]
        while waiting:
            address, limits = waiting.pop()
            table = recorded[address]
            entries = [(index, Descriptor(word, table["level"], half.page_shift))
                       for index, word in sorted(table["words"].items())]
            numbers[f"{address:x}"] = self._number(table["level"], entries, limits, types)
            if table["level"] < LAST_LEVEL:
                waiting += [(entry.output, limits | entry.limits) for _, entry in entries if entry.kind == TABLE]
        return numbers

    def _number(self, level, entries, limits, types):
        packed = tuple((index, f"{entry.raw:x}", self._words.number(entry, limits, types)) for index, entry in entries)
        key = (level, packed)
        if key not in self._numbers:
            self._numbers[key] = len(self.all)
            self.all.append({"level": level, "entries": packed})
        return self._numbers[key]
