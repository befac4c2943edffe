# SPDX-License-Identifier: MIT
"""Reads the litmus tests of this folder. Beside what herd7 knows, the head of each has
  Kernel=P0:FUNCTION     whose machine code P0 is (sequences.cc)
  Without=A; B -> C      one twin each: A removed; B replaced by C; ETS2: without that feature
  Also=A -> B            must hold, too, with B in place of A: the kernel has both
  Own=A                  an instruction that is the test's alone
"A (the first)", "(the last)" and "(of P1)" say which A, where there are several.
"""

import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))


class LitmusTest:
    def __init__(self, text):
        self.text = text
        self.name = re.match(r"AArch64 (\S+)", text)[1]
        self.head, rest = text.split("\n{", 1)
        state, code = rest.split("\n}\n", 1)
        self.state = "\n{" + state + "\n}\n"
        lines = [line for line in code.splitlines() if line.endswith(";")]
        self.condition = code[code.index("\nexists"):]
        rows = [[cell.strip() for cell in line.rstrip(";").split("|")] for line in lines[1:]]
        self.threads = [[row[i] for row in rows if i < len(row)] for i in range(len(rows[0]))]

    def listed(self, key):
        found = re.search(rf"^{key}=(.*)$", self.head, re.MULTILINE)
        return [part.strip() for part in found[1].split(";")] if found else []

    @property
    def kernel(self):
        """(thread's number, function), or None."""
        found = re.search(r"^Kernel=P(\d):(\w+)$", self.head, re.MULTILINE)
        return (int(found[1]), found[2]) if found else None

    def _places(self, instruction):
        return [(t, i) for t, thread in enumerate(self.threads) for i, each in enumerate(thread) if each == instruction]

    def _changed(self, change):
        """The test's text after "A", "A -> B", with "(...)" to say which A."""
        what, _, becomes = (part.strip() for part in change.partition("->"))
        if what in ("ETS2",):
            return self.text.replace(f",{what}", "", 1)
        which = re.search(r" \((?:the )?(first|last|of P\d)\)$", what)
        instruction = what[:which.start()] if which else what
        places = self._places(instruction)
        if which and which[1].startswith("of"):
            places = [place for place in places if place[0] == int(which[1][-1])]
        elif which:
            places = [places[0 if which[1] == "first" else -1]]
        if len(places) != 1:
            raise ValueError(f"{self.name}: {change}: {len(places)} instructions are meant")
        thread, index = places[0]
        threads = [list(each) for each in self.threads]
        threads[thread][index] = becomes or "NOP"
        return self._text(threads)

    def _text(self, threads):
        rows = [[f"P{i}" for i in range(len(threads))], *zip(*threads)]
        return self.head + self.state + "\n".join(" | ".join(row) + " ;" for row in rows) + self.condition

    def twins(self):
        for change in self.listed("Without"):
            yield self._changed(change), f" without {change}"

    def variations(self):
        for change in self.listed("Also"):
            yield self._changed(change), f" with {change}"

    def kernel_instructions(self):
        """What the kernel's thread executes, once as it stands and once for each variation."""
        thread, _ = self.kernel
        for text in [self.text, *(text for text, _ in self.variations())]:
            own = self.listed("Own")
            yield [each for each in LitmusTest(text).threads[thread] if each not in own]


def all_tests(folder=HERE):
    for name in sorted(os.listdir(folder)):
        if name.endswith(".litmus"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                yield LitmusTest(file.read())
