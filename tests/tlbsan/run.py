#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the kernel under tlbsan, and prints what it found with symbols. `make tlbsan` calls it.

  run.py             all of it; --part for what `make test` has the time for
  run.py --seeds     each seeded bug once, and a table of who finds it; fails if tlbsan misses one

The exit status is 0 if nothing was found and every run did what it should, 1 if not, and 77 (skip)
where QEMU takes no plugins.
"""

import argparse
import bisect
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD") or "build")
PLUGIN = os.path.join(BUILD, "tlbsan.so")
CROSS = os.environ.get("CROSS", "aarch64-linux-gnu-")
QEMU = os.environ.get("QEMU") or "qemu-system-aarch64"
CORES = len(os.sched_getaffinity(0))

SKIPPED = 77
SECONDS = 3600  # so much is needed only where the computer has other work
SEED_SECONDS = 300
LAYOUTS = ("arm64", "arm64-39", "x86-64", "i386", "i386-6.1")
LEAST_ACCESSES = 10_000_000

EL0_PROGRAMS = "; ".join(["run hello"] * 3)


class Job(NamedTuple):
    """One start of the machine."""

    name: str
    commands: str
    image: str = "test"
    machine: dict = {}


class Outcome(NamedTuple):
    job: Job
    status: int
    console: str
    reports: list
    counts: dict


def selftest(*prefixes):
    return "; ".join(f"selftest {prefix}" for prefix in prefixes)


def all_suites():
    """All tests inside the kernel but the tour's own: they damage translation to see the tour notice,
    and one of them really leaves an ASID behind that was never invalidated."""
    listing = subprocess.run([CROSS + "nm", os.path.join(BUILD, "test/meridian.elf")],
                             stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
    suites = set(re.findall(r"\dktest_([a-z0-9_]+)_[A-Z]\w*Ev$", listing, re.MULTILINE))
    suites = {suite for suite in suites if not suite.startswith("tour")}
    if len(suites) < 10:
        sys.exit(f"run.py: only these suites were found in the test image: {sorted(suites)}")
    return selftest(*(f"{suite}." for suite in sorted(suites)))


MAPPING = selftest("live_tables.", "user.", "user_space.", "kernel_space.", "fixmap.", "ioremap.", "linear_map.",
                   "vmalloc.L", "smp.ARemap")

# Under icount CPUs take turns, and a run repeats exactly; without it they run side by side.
TAKING_TURNS = {"CPUS": "2", "ICOUNT": "1"}


def part():
    """What `make test` has the time for."""
    return [Job("mappings", MAPPING + "; " + selftest("vmalloc.E")), Job("programs", f"{EL0_PROGRAMS}; run tables 2"),
            Job("mappings, 2 CPUs taking turns", MAPPING, "test", TAKING_TURNS),
            Job("mappings, 4 CPUs side by side", MAPPING + "; " + selftest("smp."), "test", {"CPUS": "4"}),
            Job("programs, 4 CPUs side by side", "run tables 2; siege 1 4", "test", {"CPUS": "4"})]


def everything():
    """The tour with icount, so that a minute of the guest's does not depend on how slow the plugin is."""
    tests = all_suites()
    return [Job("programs", f"{EL0_PROGRAMS}; run tables 2 3"), Job("tour", "tour", "kernel", {"ICOUNT": "1"}),
            Job("tour, 2 CPUs taking turns", "tour", "kernel", TAKING_TURNS),
            *(Job(f"tests, {layout}", tests, "test", {"LAYOUT": layout}) for layout in LAYOUTS),
            *(Job(f"tests, {cpus} CPUs side by side", tests, "test", {"CPUS": cpus}) for cpus in ("2", "4")),
            Job("tests, 2 CPUs taking turns", tests, "test", TAKING_TURNS),
            Job("programs, 2 CPUs taking turns", "run tables 2; siege 10", "test", TAKING_TURNS),
            *(Job(f"programs, {layout}, 4 CPUs side by side", "run tables 8 3; siege 20 6", "test", {"CPUS": "4", "LAYOUT": layout})
              for layout in LAYOUTS)]


class Symbols:
    """Names for addresses of an image that has relocated itself."""

    def __init__(self, image, vectors):
        names = {}
        listing = subprocess.run([CROSS + "nm", "-C", os.path.join(BUILD, image, "meridian.elf")],
                                 stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
        for line in listing.splitlines():
            address, kind, name = line.split(" ", 2)
            if kind in "tTwW":
                names[int(address, 16)] = name
        self.starts = sorted(names)
        self.names = names
        self.moved = vectors - next(at for at, name in names.items() if name == "trap_vectors")

    def name(self, address):
        at = bisect.bisect_right(self.starts, address - self.moved) - 1
        if at < 0 or address - self.moved - self.starts[at] > 0x10000:
            return ""
        start = self.starts[at]
        return f" {self.names[start]}+{address - self.moved - start:#x}"


def words(line):
    """What a line of the plugin says: its first word, and the others by name."""
    kind, _, rest = line.partition(" ")
    rest, _, what = rest.partition("; what=")
    rest, _, missing = rest.partition(" missing=")
    return kind, {**dict(word.split("=", 1) for word in rest.split()), "what": what, "missing": missing}


def text_of(report, symbols):
    """A report for a person."""
    def code(name):
        return f"{int(report[name], 16):016x}{symbols.name(int(report[name], 16))}"

    lines = [f"{report['kind']}: {report['what']}".rstrip(": "),
             f"  CPU {report['cpu']} at EL{report['el']}, {report['access']} of {int(report['va'], 16):016x}"
             f" under ASID {report['asid']}, by {code('pc')}",
             f"  cached {int(report['cached'], 16):016x}, now {int(report['now'], 16):016x}"]
    if "store_pc" in report:
        lines.append(f"  changed by CPU {report['store_cpu']}: word {int(report['word'], 16):x} from "
                     f"{int(report['before'], 16):016x} to {int(report['after'], 16):016x}, by {code('store_pc')}")
    if report["missing"]:
        lines.append(f"  missing: {report['missing']}")
    return "\n".join(lines)


def start(job, seconds=SECONDS, plugin=True):
    """Boots the image, gives it the commands, and reads what the plugin wrote."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "reports")
        initrd = "test-initramfs.cpio" if job.image == "test" else "initramfs.cpio"
        plain = {name: "" for name in ("APPEND", "CPU", "CPUS", "DTB", "EL", "GDB", "GIC", "ICOUNT", "LAYOUT", "MEM",
                                       "POISON")}
        environment = {**os.environ, **plain, "RUN": job.commands, "KERNEL": os.path.join(BUILD, job.image, "Image"),
                       "INITRD": os.path.join(BUILD, initrd), "TIMEOUT": str(seconds), **job.machine,
                       "QEMU_ARGS": f"-plugin {PLUGIN},out={out}" if plugin else ""}
        done = subprocess.run([sys.executable, os.path.join(TOP, "qemu/run.py")], env=environment, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              encoding="utf-8", errors="replace")
        lines = []
        if os.path.exists(out):
            with open(out, encoding="utf-8") as file:
                lines = [words(line) for line in file.read().splitlines()]
    reports = [values for kind, values in lines if kind == "report"]
    counts = next((values for kind, values in lines if kind == "end"), {})
    return Outcome(job, done.returncode, done.stdout.replace("\r", ""), reports, counts)


def number(counts, name):
    return int(counts.get(name, 0))


def show(outcome):
    """Prints what a run found; True if all is well."""
    counts = outcome.counts
    checked = number(counts, "accesses") + number(counts, "fetches")
    print(f"tlbsan  {outcome.job.name}: {checked} accesses checked, {number(counts, 'invalidations')} invalidations, "
          f"{number(counts, 'table_stores')} table stores, {len(outcome.reports)} reports", flush=True)
    if outcome.reports and counts:
        symbols = Symbols(outcome.job.image, int(counts["vectors"], 16))
        for report in outcome.reports:
            print(text_of(report, symbols))
    finished = outcome.status == 0 and counts
    if not finished:
        failed = re.findall(r"(?:^#.*\n)*^not ok.*\n", outcome.console, re.MULTILINE)
        print(f"the run ended with status {outcome.status}:\n" + ("".join(failed) or outcome.console[-3000:]))
    return bool(finished) and not outcome.reports


def run_jobs(jobs):
    with ThreadPoolExecutor(CORES) as pool:
        outcomes, well = [], True
        for outcome in pool.map(start, jobs):
            well &= show(outcome)
            outcomes.append(outcome)
    sums = {name: sum(number(outcome.counts, name) for outcome in outcomes)
            for name in ("accesses", "fetches", "invalidations", "table_stores", "reports")}
    checked = sums["accesses"] + sums["fetches"]
    print(f"{checked} accesses checked, {sums['invalidations']} invalidations, {sums['table_stores']} table stores, "
          f"{sums['reports']} reports")
    if checked < LEAST_ACCESSES:
        print(f"fewer than {LEAST_ACCESSES} accesses: this run shows nothing")
    return 0 if well and checked >= LEAST_ACCESSES else 1


class Found(NamedTuple):
    """Who noticed a seeded bug."""

    bug: str
    host: str  # what the host tests said
    programs: bool
    tests: bool
    kinds: list  # of tlbsan's reports

    @property
    def by_tlbsan(self):
        return bool(self.kinds)


HEADER = "kernel/lib/seeded_bugs.h"

# The host tests of what a bug can be seeded in: those that take a moment, and then all.
HOST_TESTS = "*Mapper*:*Asid*:*Gather*:*Vmalloc*:*UserSpace*:*AddressSpace*:*Unmap*:*Replace*:*Split*:*Tlbi*:*Descriptor*"
QUICK_HOST_TESTS = HOST_TESTS + "-*Failure*:*Vmalloc*:*Model*:*Random*"
HOST_SECONDS = 600


def bug_names():
    with open(os.path.join(TOP, HEADER), encoding="utf-8") as header:
        listed = header.read().split("kBugNames[] = {")[1].split("}")[0]
    return [name for name in re.findall(r'"([^"]+)"', listed) if name != "none"]


def is_host_code(bug):
    """Do the host tests contain a place that has the bug? They have another arch/aarch64/include."""
    files = subprocess.run(["grep", "-rlE", rf"Bug::{bug.replace('-', '_')}\b", "arch", "kernel", "mm"], cwd=TOP,
                           stdout=subprocess.PIPE, check=False, encoding="utf-8").stdout.split()
    return any(not file.startswith("arch/aarch64/include/") for file in files if file != HEADER)


def ask_host_tests(bug):
    """What the host tests say to the bug, in a word."""
    program = os.path.join(BUILD, "unit/unit_tests")
    if bug != "none" and not is_host_code(bug):
        return "not their code"
    if not os.path.exists(program):
        return "not built"
    for tests in (QUICK_HOST_TESTS, HOST_TESTS):
        try:
            subprocess.run([program, f"--gtest_filter={tests}", "--gtest_fail_fast", "--gtest_brief=1"],
                           env={**os.environ, "MERIDIAN_BUG": bug}, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=HOST_SECONDS, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return "found"  # without a bug they take a fraction of that time
    return "-"


def look_for(bug):
    """Host tests; programs, and the tests in the kernel, in plain QEMU; and both under tlbsan. On two
    CPUs that take turns, so that a second run does the same."""
    tests = Job(bug, f"seed {bug}; {MAPPING}; {EL0_PROGRAMS}", "test", TAKING_TURNS)
    programs = Job(bug, f"seed {bug}; {EL0_PROGRAMS}", "test", TAKING_TURNS)
    kinds = {report["kind"] for report in start(tests, SEED_SECONDS).reports}
    return Found(bug, ask_host_tests(bug), start(programs, SEED_SECONDS, plugin=False).status != 0,
                 start(tests, SEED_SECONDS, plugin=False).status != 0, sorted(kinds))


def run_seeds(names):
    clean = look_for("none")
    if clean.host == "found" or clean.programs or clean.tests or clean.kinds:
        print(f"without a seeded bug something is found already: {clean}")
        return 1
    print("| seeded bug | host tests | programs in QEMU | tests in the kernel | tlbsan |\n|---|---|---|---|---|")
    found = []
    with ThreadPoolExecutor(CORES) as pool:
        for each in pool.map(look_for, names):
            found.append(each)
            print(f"| {each.bug} | {each.host} | {'found' if each.programs else '-'} | "
                  f"{'found' if each.tests else '-'} | {', '.join(each.kinds) or '-'} |", flush=True)
    missed = {each.bug for each in found if not each.by_tlbsan}
    print(f"{len(found) - len(missed)} of {len(found)} found by tlbsan, {sum(each.tests for each in found)} by the "
          f"tests in the kernel, {sum(each.programs for each in found)} by running programs, "
          f"{sum(each.host == 'found' for each in found)} by the host tests")
    return 1 if missed else 0


def plugins_work():
    """Does this QEMU take plugins at all?"""
    text = subprocess.run(QEMU.split() + ["-help"], stdout=subprocess.PIPE, check=False, encoding="utf-8").stdout
    return bool(re.search(r"^-plugin ", text, re.MULTILINE))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="store_true", help="what make test has the time for")
    parser.add_argument("--seeds", nargs="*", metavar="BUG", help="look for these seeded bugs, or for all")
    options = parser.parse_args()
    if not plugins_work():
        print(f"SKIP: {QEMU} was built without plugins (configure --enable-plugins)")
        return SKIPPED
    if options.seeds is not None:
        return run_seeds(options.seeds or bug_names())
    return run_jobs(part() if options.part else everything())


if __name__ == "__main__":
    sys.exit(main())
