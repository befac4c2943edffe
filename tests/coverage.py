#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the unit tests that count lines, and says how much of mm/ they reach; `make coverage` calls it.

  coverage.py FOLDER     FOLDER is the one that the tests were built in

A header is compiled into many objects: a line of it counts as reached if any of them reached it.
A template that no test uses has no lines in any object, and is not seen here.
"""

import collections
import glob
import json
import os
import subprocess
import sys

WANTED = 95.0  # per cent
UNDER = "mm/"


def lines_reached(folder):
    """{file: {line: how often}} of all that gcov knows."""
    notes = glob.glob(f"{folder}/obj/**/*.gcno", recursive=True)
    files = collections.defaultdict(lambda: collections.defaultdict(int))
    done = subprocess.run(["gcov", "--json-format", "--stdout", *notes], check=True, capture_output=True, text=True)
    for report in done.stdout.splitlines():
        for file in json.loads(report)["files"]:
            for line in file["lines"]:
                files[os.path.relpath(file["file"])][line["line_number"]] += line["count"]
    return files


def main():
    folder = sys.argv[1]
    for old in glob.glob(f"{folder}/obj/**/*.gcda", recursive=True):
        os.remove(old)
    if subprocess.run([f"{folder}/unit_tests", "--gtest_brief=1"], stdin=subprocess.DEVNULL).returncode != 0:
        return 1

    reached = total = 0
    for path, lines in sorted(lines_reached(folder).items()):
        if not path.startswith(UNDER):
            continue
        missed = sorted(line for line, count in lines.items() if count == 0)
        reached += len(lines) - len(missed)
        total += len(lines)
        print(f"{path:40} {len(lines) - len(missed):5} of {len(lines):5}", *missed[:20], "..." if len(missed) > 20 else "")
    if not total:
        print(f"coverage: no line of {UNDER} was compiled into the unit tests")
        return 1
    percent = 100 * reached / total
    print(f"coverage: {percent:.1f} % of the lines of {UNDER} ({reached} of {total}); wanted: {WANTED:.0f} %")
    return 0 if percent >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
