#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds the kernel's sequences of barriers and TLBI against the litmus tests.

  check_sequences.py OBJECTS [TESTS]     the folders that the kernel's objects and the tests are in

For each function of sequences.cc the machine code is followed along every path; the longest ones must
be what the tests named after it execute, no more and no less. Sequences that herd7 has no words for
are written down below, and so is how often each source file has a barrier or a TLBI: whoever changes
one of these must look at the litmus tests, too.
"""

import os
import re
import subprocess
import sys

from litmus import HERE, all_tests

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OBJDUMP = os.environ.get("CROSS", "aarch64-linux-gnu-") + "objdump"

# herd7 knows no MMU that is off, no TTBR, and no TLBI that a DSB NSH completes.
NOT_MODELLED = {
    ("arch/aarch64/boot/enable_mmu.S.o", "enable_mmu"): [
        "msr mair_el1; msr tcr_el1; msr ttbr0_el1; msr ttbr1_el1; tlbi vmalle1; dsb nsh; isb; msr sctlr_el1; isb; "
        "ic iallu; dsb nsh; isb"],
    ("tests/litmus/sequences.cc.o", "switch_user_half"): ["msr ttbr0_el1; isb"],
}

# Each barrier, TLBI and IC in the sources, by file. What sequences.cc covers is in the first four.
USES = {
    "arch/aarch64/hw/barrier.h": 12,  # the instructions themselves, by name
    "arch/aarch64/hw/tlbi.h": 7,
    "arch/aarch64/hw/cache.h": 8,  # three IC, and the barriers of change_code and of DC CIVAC
    "arch/aarch64/include/arch/tlb.h": 20,
    "arch/aarch64/include/arch/paging.h": 1,  # set_user_root
    "arch/aarch64/boot/enable_mmu.S": 7,
    "arch/aarch64/boot/entry.S": 5,  # the identity map goes
    "arch/aarch64/boot/secondary.S": 5,
    "arch/aarch64/boot/early_map.cc": 1,  # publish, before the MMU is on
    "arch/aarch64/cpu/context.cc": 1,  # the user half of another thread
    "arch/aarch64/hw/translate.h": 1,  # AT's result
    # Not about translation: system registers, devices, other CPUs' interrupts.
    "arch/aarch64/boot/el2_to_el1.S": 2,
    "arch/aarch64/boot/start_high.cc": 1,
    "arch/aarch64/cpu/smp.cc": 1,
    "arch/aarch64/include/arch/clock.h": 1,
    "arch/aarch64/include/arch/registers.h": 1,
    "arch/aarch64/trap/exceptions.cc": 1,
    "arch/aarch64/virt/gic_v2.cc": 1,
    "arch/aarch64/virt/gic_v3.cc": 6,
}


def instructions(path):
    """{function: [(address, mnemonic, operands)]} of an object file; calls are named."""
    listing = subprocess.run([OBJDUMP, "-dr", "--no-show-raw-insn", path], stdout=subprocess.PIPE, check=True,
                             encoding="utf-8").stdout
    functions, code = {}, None
    for line in listing.splitlines():
        start = re.match(r"[0-9a-f]+ <(\w+)>:", line)
        found = re.match(r"\s*([0-9a-f]+):\t(\S+)\s*(.*?)\s*(//.*)?$", line)
        if start:
            code = functions.setdefault(start[1], [])
        elif "R_AARCH64_CALL26" in line:
            code[-1] = (code[-1][0], "bl", line.split()[-1])
        elif found and code is not None:
            code.append((int(found[1], 16), found[2], found[3]))
    return functions


def meaning(mnemonic, operands):
    """The word for an instruction that matters, or None."""
    if mnemonic in ("dsb", "dmb", "tlbi", "ic", "dc"):
        return f"{mnemonic} {operands.split(',')[0]}"
    if mnemonic == "isb":
        return mnemonic
    if mnemonic == "msr" and re.match(r"(ttbr\d|tcr|mair|sctlr)_el1", operands):
        return f"msr {operands.split(',')[0]}"
    # An entry: 64 bits, not on the stack.
    if mnemonic in ("str", "stlr") and re.match(r"x(\d+|zr), ?\[x\d+\]$", operands):
        return mnemonic
    if mnemonic in ("ldaxr", "swpa"):
        return "swap"
    if mnemonic == "bl" and operands.startswith("reuse_frame"):
        return "reuse"
    return None


def paths(code):
    """The sequences of all paths that pass no instruction twice."""
    index = {address: i for i, (address, _, _) in enumerate(code)}
    found, pending, known = set(), [(0, (), frozenset())], set()
    while pending:
        at, words, passed = pending.pop()
        if (at, words, passed) in known:
            continue
        known.add((at, words, passed))
        while at is not None and at < len(code):
            _, mnemonic, operands = code[at]
            word = meaning(mnemonic, operands)
            if word and words[-1:] != (word,):  # the same again is one turn more of a loop
                words += (word,)
            if mnemonic in ("ret", "brk", "eret"):
                found.add(words)
                at = None
            elif re.match(r"(b|b\.\w+|cbn?z|tbn?z)$", mnemonic):
                target = index.get(int(re.search(r"([0-9a-f]+) <", operands)[1], 16))
                if target is not None and at not in passed:
                    pending.append((target, words, passed | {at}))
                at = None if mnemonic == "b" or at in passed else at + 1
            else:
                at += 1
    return found


def is_part_of(short, long):
    rest = iter(long)
    return all(word in rest for word in short)


def longest(sequences):
    return {each for each in sequences if not any(each != other and is_part_of(each, other) for other in sequences)}


def words_of_test(lines, with_reuse):
    """The same words for what a test's thread executes; its accesses of 32 bits are the test's own."""
    words = []
    for line in lines:
        mnemonic, _, operands = line.split(": ")[-1].lower().partition(" ")
        if mnemonic == "str" and operands.startswith("w"):
            word = "reuse" if with_reuse and words else None
        else:
            word = meaning(mnemonic, operands.replace(",", ", "))
        if word:
            words.append(word)
    return tuple(words)


def text(sequences):
    return "\n".join(f"    {'; '.join(each)}" for each in sorted(sequences))


def one_tlbi_each(sequence):
    """A loop may go through one TLBI and then another: the sequences with either."""
    for i in range(len(sequence) - 1):
        if all(word.startswith("tlbi ") for word in sequence[i:i + 2]):
            return one_tlbi_each(sequence[:i] + sequence[i + 1:]) | one_tlbi_each(sequence[:i + 1] + sequence[i + 2:])
    return {sequence}


def compare(name, code, wanted):
    """What differs, as lines."""
    actual = set().union(*(one_tlbi_each(each) for each in longest(paths(code))))
    if actual == wanted:
        return []
    return [f"{name}: the code executes\n{text(actual)}\n  but the litmus tests\n{text(wanted)}"]


def check_sequences(objects, tests_folder):
    code = instructions(os.path.join(objects, "tests/litmus/sequences.cc.o"))
    wanted = {}
    for test in all_tests(tests_folder):
        if not test.kernel:
            yield f"{test.name}: it does not say which of the kernel's sequences it is about"
            continue
        function = test.kernel[1]
        with_reuse = any(meaning(*each[1:]) == "reuse" for each in code.get(function, []))
        wanted.setdefault(function, []).append(
            (test.name, {words_of_test(lines, with_reuse) for lines in test.kernel_instructions()}))
    for function, tests in wanted.items():
        if function not in code:
            yield f"sequences.cc has no function {function}"
            continue
        for name, sequences in tests:
            yield from compare(f"{name}, {function}", code[function], sequences)
    for (path, function), sequences in NOT_MODELLED.items():
        code_of_it = instructions(os.path.join(objects, path)).get(function, [])
        yield from compare(function, code_of_it, {tuple(each.split("; ")) for each in sequences})
    untested = set(code) - set(wanted) - {function for _, function in NOT_MODELLED}
    if untested:
        yield f"no litmus test is about {', '.join(sorted(untested))}"


def count_uses(source, is_assembly):
    source = re.sub(r"/\*.*?\*/|//[^\n]*", "", source, flags=re.DOTALL)
    if is_assembly:
        return len(re.findall(r"^\s*(?:dsb|dmb|isb|tlbi|ic)\b", source, re.MULTILINE))
    return len(re.findall(r"(?:^|[^\w:.])(?:hw::)?(?:dsb_\w+|dmb_\w+|isb|tlbi_(?!operand)\w+|ic_\w+)(?: \w+)?\(", source))


def check_uses():
    for folder in ("arch", "kernel", "mm"):
        for parent, _, names in os.walk(os.path.join(TOP, folder)):
            for name in names:
                path = os.path.relpath(os.path.join(parent, name), TOP)
                if not path.endswith((".h", ".cc", ".S")):
                    continue
                with open(os.path.join(TOP, path), encoding="utf-8") as file:
                    count = count_uses(file.read(), path.endswith(".S"))
                if count != USES.get(path, 0):
                    yield f"{path}: {count} barriers, TLBI and IC, not {USES.get(path, 0)}: is each in a litmus test?"


def main():
    wrong = [*check_sequences(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else HERE), *check_uses()]
    print("\n".join(wrong) or "the kernel's sequences are those of the litmus tests")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
