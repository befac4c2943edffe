#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs a Linux arm64 kernel to user space under tlbsan: a judgement of tlbsan by code that nobody
here wrote. README.md tells where to get an image, and explains what was found.

  linux.py IMAGE [--cpus N] [--rounds N] [--cpu MODEL]

Its programs are linux_init.c and tests/user/tables.c. Findings of the same kind, made by the same code, are told once.
The exit status is 0 if Linux reached user space and powered off, whatever was found.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

from run import CROSS, PLUGIN, QEMU, TOP, plugins_work, text_of, words

SECONDS = 1800
BOOT_SECONDS = 120  # without the plugin


def make_initramfs(folder):
    """An archive with the two programs."""
    root = os.path.join(folder, "root")
    os.makedirs(os.path.join(root, "proc"))
    for name, source in (("init", "tests/tlbsan/linux_init.c"), ("tables", "tests/user/tables.c")):
        subprocess.run([CROSS + "gcc", "-std=gnu11", "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o",
                        os.path.join(root, name), os.path.join(TOP, source)], check=True)
    archive = os.path.join(folder, "initramfs.cpio")
    with open(archive, "wb") as file:
        subprocess.run(["cpio", "--quiet", "-R", "0:0", "-o", "-H", "newc"], input=b"init\ntables\nproc\n", stdout=file,
                       cwd=root, check=True)
    return archive


def boot(options, archive, words_for_init, seconds, plugin=None):
    """Everything that Linux prints until it powers off."""
    command = [*QEMU.split(), "-M", "virt,gic-version=3", "-cpu", options.cpu, "-smp", str(options.cpus), "-m", "1G",
               "-net", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
               "-kernel", options.image, "-initrd", archive,
               "-append", f"console=ttyAMA0 nokaslr panic=-1 {words_for_init}"]
    if plugin:
        command += ["-plugin", plugin]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=seconds, check=False, encoding="utf-8", errors="replace")
    return done.stdout


class LinuxSymbols:
    """Names that the kernel itself gives to its code's addresses; without KASLR they are the same
    at each start."""

    def __init__(self, options, archive, reports):
        addresses = {report[key] for report in reports for key in ("pc", "store_pc") if key in report}
        text = boot(options, archive, f"symbols={','.join(sorted(addresses))}", BOOT_SECONDS) if addresses else ""
        self.names = {int(at, 16): name for at, name in re.findall(r"^symbol (\w+) (\S+)", text, re.MULTILINE)}

    def name(self, address):
        return " " + self.names.get(address, "(a program)")


def show(reports, symbols):
    groups = {}
    for report in reports:
        key = tuple(report.get(name) for name in ("kind", "pc", "store_pc", "what", "access"))
        groups.setdefault(key, []).append(report)
    for alike in groups.values():
        print(f"\n{len(alike)} times:\n{text_of(alike[0], symbols)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", help="arch/arm64/boot/Image, or Debian's /boot/vmlinuz-*-arm64")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1, help="how long each worker works")
    parser.add_argument("--cpu", default="cortex-a72", help="one without FEAT_HAFDBS")
    options = parser.parse_args()
    if not plugins_work():
        sys.exit(f"{QEMU} was built without plugins (configure --enable-plugins)")
    with tempfile.TemporaryDirectory() as folder:
        archive = make_initramfs(folder)
        out = os.path.join(folder, "reports")
        console = boot(options, archive, f"rounds={options.rounds}", SECONDS,
                       f"{PLUGIN},out={out},spurious=fine,thread=sp_el0")
        with open(out, encoding="utf-8") as file:
            lines = [words(line) for line in file.read().splitlines()]
        reports = [values for kind, values in lines if kind == "report"]
        counts = next((values for kind, values in lines if kind == "end"), {})
        reached = "did what they should" in console and counts
        if not reached:
            print(console[-3000:])
        else:
            checked = int(counts["accesses"]) + int(counts["fetches"])
            print(f"Linux on {options.cpus} CPUs reached user space, worked and powered off: {checked} accesses "
                  f"checked, {counts['invalidations']} invalidations, {counts['table_stores']} table stores, "
                  f"{len(reports)} reports")
        show(reports, LinuxSymbols(options, archive, reports))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
