#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the litmus tests: each must never be observed, and each of its twins, from which one thing is
removed, must be. Prints one line a test. The exit status is 0 if all is as it should be, 1 if not,
and 77 (skip) without herd7.

  run.py [TEST...]

HERD7 names the program where it is not on the path.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from litmus import LitmusTest, all_tests

SKIPPED = 77
HERD7 = shlex.split(os.environ.get("HERD7") or "herd7")

HOW_TO_GET_IT = """SKIP: there is no herd7, so nothing was tested about the order of memory accesses.
It is part of herdtools7, which Debian has from sid on (opam has it too: opam install herdtools7).
Without touching this system, its packages and the C library they need can be unpacked:
  apt-get download herdtools7 libc6 libgmp10    # with a sources.list of sid
  for each: dpkg-deb -x FILE.deb herd
  HERD7="herd/usr/lib64/ld-linux-x86-64.so.2 --library-path herd/usr/lib/x86_64-linux-gnu
         herd/usr/bin/herd7 -set-libdir herd/usr/share/herdtools7/herd" """


def ask(text, name):
    """(was the outcome observed, is break-before-make missing)."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"{name}.litmus")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([*HERD7, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              encoding="utf-8")
    observed = re.search(r"^Observation \S+ (\w+)", done.stdout, re.MULTILINE)
    if not observed:
        sys.exit(f"{name}: herd7 said:\n{done.stdout}")
    return observed[1] != "Never", "Flag requires-BBM" in done.stdout


def judge(test):
    """What is wrong with the test, a line each."""
    wrong = []
    for text, what in [(test.text, ""), *test.variations()]:
        observed, flagged = ask(text, test.name)
        if observed or flagged:
            wrong.append(f"{test.name}{what} should never be observed")
    twins = list(test.twins())
    for text, what in twins:
        observed, flagged = ask(text, test.name)
        if not (observed or flagged):
            wrong.append(f"{test.name}{what} should be observed, and is not: what was removed protects nothing here")
    if not twins:
        wrong.append(f"{test.name} has no twin")
    return wrong, len(twins)


def main():
    if not shutil.which(HERD7[0]):
        print(HOW_TO_GET_IT)
        return SKIPPED
    wanted = sys.argv[1:]
    wrong, twins, tests = [], 0, 0
    for test in all_tests():
        if wanted and test.name not in wanted:
            continue
        bad, count = judge(test)
        print(f"{'not ok' if bad else 'ok'} {test.name}: never, and {count} twins are", flush=True)
        wrong += bad
        twins += count
        tests += 1
    print("\n".join(wrong + [f"{tests} litmus tests, {twins} twins, {len(wrong)} wrong"]))
    return 1 if wrong or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
