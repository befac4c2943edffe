#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the shell's `bench` and prints its rows as a table; `make bench` calls it.

The machine is always the same one, and QEMU counts: with -icount shift=0 the virtual counter goes
on by one nanosecond an instruction, so the figures are instructions, equal on every computer. They
can be put beside those of any other kernel measured on this machine.

ROW="..." chooses rows, as the shell's `bench ROW` does.
"""

import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MACHINE = {"CPU": "cortex-a57", "GIC": "2", "MEM": "512M", "CPUS": "1", "EL": "1", "ICOUNT": "1"}
KBENCH = re.compile(r"KBENCH +(\S+) +(\d+) +([\d.]+)")


def main():
    command = " ".join(["bench", os.environ.get("ROW", "")]).strip()
    done = subprocess.run([sys.executable, os.path.join(TOP, "qemu/run.py")], stdin=subprocess.DEVNULL,
                          env={**os.environ, **MACHINE, "RUN": command}, stdout=subprocess.PIPE,
                          encoding="utf-8", errors="replace")
    rows = KBENCH.findall(done.stdout)
    if done.returncode != 0 or not rows:
        print(done.stdout, end="")
        print("bench: no KBENCH rows" if not rows else f"bench: exit status {done.returncode}", file=sys.stderr)
        return done.returncode or 1
    print(f"{'row':30} {'operations':>12} {'instructions each':>20}")
    for name, operations, instructions in rows:
        print(f"{name:30} {int(operations):>12,} {float(instructions):>20,.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
