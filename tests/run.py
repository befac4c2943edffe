#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Builds everything and runs every test; `make test` and `make test-deep` call it.

Each part gives results: a name and whether it passed, failed or was skipped. A failure is printed
at once, with what the test said. A part that gives no results has failed: silence is not success.
The last line is `N passed, N failed, N skipped`, alone; the exit status is 0 if nothing failed.

  run.py [--deep] [PART...]
"""

import argparse
import os
import re
import secrets
import subprocess
import sys
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD") or "build"
OUTPUT = os.path.join(TOP, BUILD, "test-results")
CORES = len(os.sched_getaffinity(0))
MAKE = os.environ.get("MAKE", "make")

IMAGE = f"{BUILD}/kernel/Image"
TEST_IMAGE = f"{BUILD}/test/Image"
UNIT_TESTS = f"{BUILD}/unit/unit_tests"

TIMED_OUT = 124  # run.py's exit status
TOOL_SKIPPED = 77  # the exit status of tests/tlbsan/run.py and tests/litmus/run.py
UNIT_TESTS_SECONDS = 240
KERNEL_TESTS_SECONDS = 120
LITMUS_SECONDS = 240
SHOWN_LINES = 120  # of a failed test's output; all of it is in build/test-results

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Result(NamedTuple):
    name: str
    status: str
    output: str = ""  # what a failed test said, or why one was skipped


def clean(text):
    """What a program or a console printed, fit for a terminal."""
    return text.replace("\r", "").replace("\0", "")


def run(command, seconds=None, **environment):
    """(exit status, all output) of a command; one that takes too long has failed, and says so."""
    try:
        done = subprocess.run(
            command, cwd=TOP, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, timeout=seconds,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
            close_fds=False)  # make's jobserver, if there is one, is among them
        return done.returncode, clean(done.stdout)
    except subprocess.TimeoutExpired as late:
        text = (late.stdout or b"").decode("utf-8", "replace")
        return 1, clean(text) + f"\nrun.py: ended after {seconds} seconds\n"


def keep(name, text):
    with open(os.path.join(OUTPUT, name), "w", encoding="utf-8") as file:
        file.write(text)


def make(name, *targets, result=None):
    """The result of one call of make. A warning is a failure. What a failed build was to make is
    removed, so that nothing tests what an older build left."""
    status, output = run([MAKE, "--no-print-directory", *targets])
    bad = status != 0 or re.search(r"\bwarning: ", output)
    if bad and result and os.path.exists(result):
        os.remove(result)
    return Result(name, FAILED if bad else PASSED, output)


def build_part(_):
    yield make("the kernel and its programs build without a warning", "kernel", "initramfs", result=IMAGE)
    yield make("the test image builds without a warning", "test-kernel", "test-initramfs", "compile-commands",
               result=TEST_IMAGE)
    yield make("the unit tests build without a warning", UNIT_TESTS, result=UNIT_TESTS)


def layers_part(_):
    yield make("the tree keeps its layers", "check-layers")


def elf_part(_):
    yield make("the images hold no FP, no W+X segment, no absolute address too early", "check-elf")


def gtest_results(output, status):
    """Reads GoogleTest's console output. A test that began and never ended took the program down."""
    running, said = None, []
    verdicts = {"OK": PASSED, "FAILED": FAILED, "SKIPPED": SKIPPED}
    for line in output.splitlines():
        begun = re.match(r"\[ RUN      \] (\S+)", line)
        ended = re.match(r"(.*?)\[ +(OK|FAILED|SKIPPED) +\] (\S+?)(,.*)? \(\d+ ms\)$", line)
        if begun:
            running, said = begun[1], []
        elif ended and running:
            said.append(ended[1] + (ended[4] or ""))
            yield Result(running, verdicts[ended[2]], "\n".join(said).strip())
            running = None
        elif running:
            said.append(line)
    if running:
        yield Result(running, FAILED, "\n".join(said + [f"the test program ended here, with status {status}"]))
    elif status not in (0, 1):
        yield Result("unit_tests", FAILED, f"ended with status {status}\n" + output[-4000:])


def tallies(outputs):
    """What all runs of the unit tests together counted (tests/support/tally.cc): a line for each sum."""
    sums = {}
    for output in outputs:
        for count, what in re.findall(r"^(\d+) ([a-z ]+)$", output, re.MULTILINE):
            sums[what] = sums.get(what, 0) + int(count)
    return [f"{count} {what}" for what, count in sums.items()]


def unit_part(_):
    """The GoogleTest program, once a core, each with its share of the tests and the same seed."""
    if not os.path.exists(UNIT_TESTS):
        return
    seed = os.environ.get("MERIDIAN_SEED") or str(secrets.randbits(63))
    print(f"unit    MERIDIAN_SEED={seed} repeats this run's random tests", flush=True)

    def shard(index):
        return run([UNIT_TESTS, "--gtest_color=no"], UNIT_TESTS_SECONDS, GTEST_TOTAL_SHARDS=str(CORES),
                   GTEST_SHARD_INDEX=str(index), MERIDIAN_SEED=seed)

    outputs = []
    with ThreadPoolExecutor(CORES) as pool:
        for index, (status, output) in enumerate(pool.map(shard, range(CORES))):
            keep(f"unit-{index}.txt", output)
            outputs.append(output)
            results = list(gtest_results(output, status))
            yield from results
            if status != 0 and all(result.status != FAILED for result in results):
                yield Result(f"unit_tests, part {index}", FAILED, f"status {status}\n" + output[-4000:])
    for line in tallies(outputs):
        print(f"unit    {line}", flush=True)


def ktap_results(output, status):
    """Reads the KTAP that the test image prints. All that was planned must have been run."""
    start = re.search(r"^KTAP version 1$", output, re.MULTILINE)
    if not start:
        yield Result("boot", FAILED, output + f"\nno KTAP; exit status {status}")
        return
    planned, count, failed, said = None, 0, 0, []
    for line in output[start.end():].splitlines():
        plan = re.match(r"1\.\.(\d+)", line)
        verdict = re.match(r"(not )?ok (\d+)(?: -)? ?([^#]*?)\s*(?:# SKIP\b ?(.*))?$", line)
        if plan:
            planned = int(plan[1])
        elif verdict:
            count += 1
            if int(verdict[2]) != count:
                said.append(f"(the test's number is {verdict[2]}, not {count})")
            if verdict[1] or int(verdict[2]) != count:
                failed += 1
                yield Result(verdict[3], FAILED, "\n".join(said))
            elif verdict[4] is not None:
                yield Result(verdict[3], SKIPPED, verdict[4])
            else:
                yield Result(verdict[3], PASSED)
            said = []
        else:
            said.append(line)
    if planned != count:
        yield Result("plan", FAILED, "\n".join(said + [f"planned {planned} tests, and {count} gave a result"]))
    elif (status != 0) != (failed != 0) or status == TIMED_OUT:
        yield Result("exit status", FAILED, "\n".join(said + [f"the status is {status}, with {failed} failed tests"]))


# The tests inside the kernel are run on a plain machine, on one that differs in all it can, and under
# each layout; under i386 with less RAM than the linear map reaches, and with more.
KERNEL_TEST_MACHINES = {
    "plain": {},
    "other": {"CPU": "cortex-a53", "GIC": "2", "EL": "2", "MEM": "256M", "POISON": "1"},
    "arm64-39": {"LAYOUT": "arm64-39", "CPU": "cortex-a72", "GIC": "2"},
    "x86-64": {"LAYOUT": "x86-64", "CPU": "max", "EL": "2", "POISON": "1"},
    "i386": {"LAYOUT": "i386", "MEM": "2G"},
    "i386-6.1": {"LAYOUT": "i386-6.1", "CPU": "cortex-a53", "MEM": "160M", "POISON": "1"},
    "highmem": {"APPEND": "linear=256M", "MEM": "512M"},
    "smp": {"CPUS": "4"},
    "smp-other": {"CPUS": "8", "GIC": "2", "EL": "2"},
}


def kernel_part(_):
    """The test image, with all its tests, on each machine."""
    if not os.path.exists(TEST_IMAGE):
        return

    def boot(machine):
        plain = {name: "" for name in ("APPEND", "CPU", "CPUS", "DTB", "EL", "GDB", "GIC", "ICOUNT", "LAYOUT",
                                       "MEM", "POISON", "QEMU_ARGS")}
        return run([sys.executable, "qemu/run.py"], **{**plain, **machine}, RUN="selftest",
                   KERNEL=TEST_IMAGE, INITRD=f"{BUILD}/test-initramfs.cpio", TIMEOUT=str(KERNEL_TESTS_SECONDS))

    with ThreadPoolExecutor(CORES) as pool:
        machines = KERNEL_TEST_MACHINES
        for name, (status, output) in zip(machines, pool.map(boot, machines.values())):
            keep(f"kernel-{name}.txt", output)
            for result in ktap_results(output, status):
                yield result._replace(name=f"{result.name} [{name}]")


def pytest_results(folder, deep):
    """Runs the folder's tests, some side by side, and reads the report that pytest writes."""
    report = os.path.join(OUTPUT, os.path.basename(folder) + ".xml")
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-n", str(max(2, CORES)),
               f"--junitxml={report}", folder]
    status, output = run(command + ([] if deep else ["-m", "not deep"]))
    keep(os.path.basename(folder) + ".txt", output)
    if not os.path.exists(report):
        yield Result("pytest", FAILED, output)
        return
    failed = False
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        wrong = [part for part in case if part.tag in ("failure", "error")]
        skipped = case.find("skipped")
        if wrong:
            failed = True
            yield Result(name, FAILED, "\n".join(part.text or part.get("message", "") for part in wrong))
        elif skipped is not None:
            yield Result(name, SKIPPED, skipped.get("message", ""))
        else:
            yield Result(name, PASSED)
    if status != 0 and not failed:
        yield Result("pytest", FAILED, output)


def tools_part(deep):
    """The project's own scripts, tried on what they must find."""
    yield from pytest_results("tests/tools", deep)


def guest_part(deep):
    """Sessions with the kernel, seen from outside."""
    if os.path.exists(IMAGE):
        yield from pytest_results("tests/guest", deep)


def litmus_part(_):
    """The order of memory accesses, which no emulator shows."""
    yield make("the kernel's barriers and TLBI are those of the litmus tests", "check-litmus")
    status, output = run([sys.executable, "tests/litmus/run.py"], LITMUS_SECONDS)
    keep("litmus.txt", output)
    print(f"litmus  {output.splitlines()[-1]}", flush=True)
    yield Result("no litmus test is observed, and each twin is",
                 {0: PASSED, TOOL_SKIPPED: SKIPPED}.get(status, FAILED), output)


def tlbsan_part(deep):
    """The kernel on the most hostile TLB that the architecture allows, as a QEMU plugin models it."""
    built = make("tlbsan builds without a warning", f"{BUILD}/tlbsan.so")
    yield built
    if built.status == FAILED or not os.path.exists(TEST_IMAGE):
        return
    status, output = run([sys.executable, "tests/tlbsan/run.py"] + ([] if deep else ["--part"]))
    keep("tlbsan.txt", output)
    print(f"tlbsan  {output.splitlines()[-1]}", flush=True)
    verdict = {0: PASSED, TOOL_SKIPPED: SKIPPED}.get(status, FAILED)
    yield Result("no CPU may use a translation that is not in the tables", verdict, output)
    if deep and verdict == PASSED:
        status, output = run([sys.executable, "tests/tlbsan/run.py", "--seeds"])
        keep("tlbsan-seeds.txt", output)
        yield Result("tlbsan finds every seeded bug", FAILED if status else PASSED, output)


def includes_part(_):
    """Compiles each kernel source without the headers that are otherwise put before it."""
    yield make("every kernel source includes what it uses", "includes")


def coverage_part(_):
    """Builds the unit tests once more, to count lines."""
    yield make("the unit tests reach enough of mm/", "coverage")


PARTS = {
    "build": build_part,
    "layers": layers_part,
    "elf": elf_part,
    "unit": unit_part,
    "kernel": kernel_part,
    "litmus": litmus_part,
    "tools": tools_part,
    "guest": guest_part,
    "tlbsan": tlbsan_part,
    "includes": includes_part,
    "coverage": coverage_part,
}
LONG_PARTS = ("includes", "coverage")


def show(part, result):
    """A failed test, with what it said; the beginning and the end of it when that is long."""
    lines = result.output.splitlines()
    if len(lines) > SHOWN_LINES:
        half = SHOWN_LINES // 2
        lines = lines[:half] + [f"... {len(lines) - SHOWN_LINES} lines ..."] + lines[-half:]
    print(f"FAILED {part}: {result.name}")
    print("".join(f"    {line}\n" for line in lines), end="", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--deep", action="store_true", help="the long tests too")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {' '.join(PARTS)}; all without one")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {' '.join(sorted(unknown))}")

    os.chdir(TOP)
    os.makedirs(OUTPUT, exist_ok=True)
    for name in os.listdir(OUTPUT):
        os.remove(os.path.join(OUTPUT, name))
    results = []
    for part in options.parts or [part for part in PARTS if options.deep or part not in LONG_PARTS]:
        mine = []
        for result in PARTS[part](options.deep):
            mine.append(result)
            if result.status == FAILED:
                show(part, result)
        if not mine:
            mine.append(Result(part, FAILED, "this part gave no results"))
            show(part, mine[0])
        results += mine
        counts = {status: sum(result.status == status for result in mine) for status in (PASSED, FAILED, SKIPPED)}
        print(f"{part:8}" + ", ".join(f"{count} {status}" for status, count in counts.items()), flush=True)

    for result in results:
        if result.status == SKIPPED:
            print(f"SKIPPED {result.name}: {result.output or 'no reason given'}")
    counts = [sum(result.status == status for result in results) for status in (PASSED, FAILED, SKIPPED)]
    print("{} passed, {} failed, {} skipped".format(*counts), flush=True)
    return 1 if counts[1] else 0


if __name__ == "__main__":
    sys.exit(main())
