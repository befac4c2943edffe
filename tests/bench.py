#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the shell's `bench` and the program `abi-bench`, and prints their rows as a table, beside what
Linux 6.1 pays on the same machine; `make bench` calls it.

The machine is always the same one, and QEMU counts: with -icount shift=0 the virtual counter goes
on by one nanosecond an instruction, so the figures are instructions, equal on every computer. They
can be put beside those of any other kernel measured on this machine.

ROW="..." chooses rows of the kernel's own, as the shell's `bench ROW` does.
"""

import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MACHINE = {"CPU": "cortex-a57", "GIC": "2", "MEM": "512M", "CPUS": "1", "EL": "1", "ICOUNT": "1"}
BENCH = re.compile(r"\bK?BENCH +(\S+) +(\d+) +([\d.]+)")

# Linux 6.1 in a minimal configuration under the same QEMU: what abi-bench printed there.
LINUX = {
    "floor.zero.page.zva": 262, "syscall.getppid": 266, "fault.write.anon": 1743,
    "mmap.populate.per.page": 1642, "fault.read.zero": 818, "fault.cow": 2401,
    "mmap.munmap.1p": 9518, "mmap.touch.munmap.1p": 13215, "mmap.touch.munmap.64p": 152359,
    "munmap.per.page": 637, "mprotect.256p.pair": 56367, "mprotect.split.4000vma": 12370,
    "fault.in.4000vma": 3065, "brk.grow.shrink": 11557, "fork.exit.wait": 95003,
    "fork.exit.wait.4MiB": 369828, "fork.exec.exit.static": 369834, "switch.pipe.roundtrip": 7558,
    "switch.yield.2proc": 532, "copy.pipe.4k.pair": 3975,
}


def main():
    row = os.environ.get("ROW", "")
    command = f"bench {row}" if row else "bench; run abi-bench"
    done = subprocess.run([sys.executable, os.path.join(TOP, "qemu/run.py")], stdin=subprocess.DEVNULL,
                          env={**os.environ, **MACHINE, "RUN": command}, stdout=subprocess.PIPE,
                          encoding="utf-8", errors="replace")
    rows = BENCH.findall(done.stdout)
    if done.returncode != 0 or not rows:
        print(done.stdout, end="")
        print("bench: no rows" if not rows else f"bench: exit status {done.returncode}", file=sys.stderr)
        return done.returncode or 1
    print(f"{'row':30} {'operations':>12} {'instructions each':>20} {'Linux 6.1':>12} {'ratio':>8}")
    for name, operations, instructions in rows:
        line = f"{name:30} {int(operations):>12,} {float(instructions):>20,.1f}"
        if name in LINUX:
            line += f" {LINUX[name]:>12,} {LINUX[name] / float(instructions):>8.1f}"
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
