#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Starts Meridian in QEMU. What to start comes from the environment (README.md lists the variables).

  run.py            boot; with RUN, run its commands and exit with their status
  run.py --debug    the machine halted at reset, and GDB in this terminal
  run.py --print    print QEMU's command line instead of running it

A combination that cannot work gets one line and exit status 2, before QEMU is started.
"""

import contextlib
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, os.environ.get("BUILD") or "build")

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40

# The 64-bit CPUs that QEMU's virt machine has, and how many bits of physical address each drives.
PHYSICAL_BITS = {
    "cortex-a35": 40,
    "cortex-a53": 40,
    "cortex-a57": 44,
    "cortex-a72": 44,
    "cortex-a76": 40,
    "neoverse-n1": 48,
    "a64fx": 40,
    "max": 52,
}
RAM_BASE = GIB  # where the virt machine puts RAM: so much of the address space is not for RAM
MAX_RAM = 32 * TIB  # at 64T QEMU itself gives up
MIN_RAM = 16 * MIB  # less does not hold the image, the device tree and an initrd
INITRD_AT = 128 * MIB  # at most; in less than twice of it, the middle
TREE_ALIGNMENT, TREE_SIZE = 2 * MIB, MIB
MAX_CPUS = 8
PLAIN_RAM = 16 * GIB  # more than this is not asked of the host in advance
GARBAGE = GIB  # how much of each end of RAM holds garbage, under POISON

EXIT_BAD_REQUEST = 2
EXIT_TIMEOUT = 124  # as timeout(1)


class BadRequest(Exception):
    """What was asked for cannot work; the text says why, in one line."""


def env(name, default=""):
    """The variable's value; an empty one counts as not given, so that `make run CPU=` is harmless."""
    return os.environ.get(name, "").strip() or default


def flag(name):
    return env(name, "0") not in ("0", "no", "off")


def whole_number(name, default):
    text = env(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise BadRequest(f"{name}={text} is not a number")
    return int(text)


def size(name, default):
    """A size in bytes: a number with K, M, G or T after it, or MiB without."""
    text = env(name, default)
    match = re.fullmatch(r"([0-9]{1,15})([KMGT]?)", text, re.ASCII | re.IGNORECASE)
    if not match:
        raise BadRequest(f"{name}={text} is not a size: give a number and K, M, G or T, as in 512M")
    unit = {"K": KIB, "M": MIB, "G": GIB, "T": TIB, "": MIB}[match[2].upper()]
    return int(match[1]) * unit


def size_text(value):
    """The size in the largest unit that divides it."""
    for unit, letter in ((TIB, "T"), (GIB, "G"), (MIB, "M"), (KIB, "K")):
        if value >= unit and value % unit == 0:
            return f"{value // unit}{letter}"
    return str(value)


def readable(name, path):
    if not os.path.isfile(path):
        raise BadRequest(f"{name}={path}: no such file")
    if not os.access(path, os.R_OK):
        raise BadRequest(f"{name}={path} cannot be read")
    return path


def host_memory():
    """Bytes that this computer could give now."""
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        for line in meminfo:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * KIB
    return PLAIN_RAM


def garbage_file(length, seed):
    """A file in memory, of `length` bytes: noise at both ends, GARBAGE of it, and zeros between (that
    much is quickly made, and a kernel starts at the ends). The same seed gives the same noise."""
    block = random.Random(seed).randbytes(MIB)
    descriptor = os.memfd_create("garbage", 0)  # 0: QEMU inherits it
    os.ftruncate(descriptor, length)
    first_end = min(length, GARBAGE)
    last_start = max(first_end, length - GARBAGE)
    for start in (*range(0, first_end, MIB), *range(last_start, length, MIB)):
        os.pwrite(descriptor, block[:length - start], start)
    return f"/proc/self/fd/{descriptor}"


class Machine:
    """The machine that was asked for: checked, and turned into QEMU's arguments."""

    def __init__(self):
        self.cpu = self._cpu()
        self.cpus = self._cpus()
        self.level = self._choice("EL", "1", ("1", "2"))
        self.gic = self._choice("GIC", "3", ("2", "3"))
        self.ram = self._ram()
        self.kernel = self._kernel()
        self.initrd = self._initrd()
        self.init = self._unquoted("INIT")
        self.commands = self._commands()
        self.batch = bool(self.commands) or bool(self.init and not sys.stdin.isatty())

    @staticmethod
    def _choice(name, default, allowed):
        value = env(name, default)
        if value not in allowed:
            raise BadRequest(f"{name}={value}: it is {' or '.join(allowed)}")
        return value

    @staticmethod
    def _cpu():
        cpu = env("CPU", "neoverse-n1")
        if cpu.split(",")[0] not in PHYSICAL_BITS:
            raise BadRequest(f"CPU={cpu} is not one of {' '.join(PHYSICAL_BITS)}")
        return cpu

    @staticmethod
    def _cpus():
        cpus = whole_number("CPUS", 1)
        if not 1 <= cpus <= MAX_CPUS:
            raise BadRequest(f"CPUS={cpus}: it is 1 to {MAX_CPUS}")
        return cpus

    def _ram(self):
        ram = size("MEM", "512M")
        bits = PHYSICAL_BITS[self.cpu.split(",")[0]]
        limit = min((1 << bits) - RAM_BASE, MAX_RAM)
        if ram < MIN_RAM:
            raise BadRequest(f"MEM={env('MEM')} is too small: at least {size_text(MIN_RAM)}")
        if ram > limit:
            why = f"{bits} bits of address" if limit < MAX_RAM else "QEMU"
            raise BadRequest(
                f"MEM={env('MEM')} is too much: {self.cpu} takes {size_text(limit)} at most ({why})"
            )
        return ram

    @staticmethod
    def _kernel():
        """An arm64 Image, by the magic in its header, or an ELF file. QEMU would run anything."""
        path = readable("KERNEL", env("KERNEL", os.path.join(BUILD, "kernel/Image")))
        with open(path, "rb") as file:
            start = file.read(64)
        if start[56:60] != b"ARM\x64" and not start.startswith(b"\x7fELF"):
            raise BadRequest(f"KERNEL={path} is neither an arm64 Image nor an ELF file")
        return path

    def _initrd(self):
        """INITRD=none leaves it out; without INITRD, the project's own is taken if it was built. QEMU puts it behind
        the first half of RAM (or its first 128M), and the device tree on the next 2M behind it."""
        initrd = env("INITRD")
        default = os.path.join(BUILD, "initramfs.cpio")
        if initrd == "none" or (not initrd and not os.path.exists(default)):
            return None
        path = readable("INITRD", initrd or default)
        end = min(self.ram // 2, INITRD_AT) + os.path.getsize(path)
        if end + -end % TREE_ALIGNMENT + TREE_SIZE > self.ram:
            raise BadRequest(f"MEM={size_text(self.ram)} is too small for {path} ({os.path.getsize(path) // KIB}K), which goes "
                             "to the middle of RAM")
        return path

    @staticmethod
    def _unquoted(name):
        """Words that the kernel is given between double quotes."""
        words = env(name)
        if '"' in words:
            raise BadRequest(f'{name} may not contain a double quote (the kernel is given {name.lower()}="...")')
        return words

    def _commands(self):
        """The shell commands to run, or nothing for a person at the shell."""
        commands = self._unquoted("RUN")
        if not commands and not self.init and not env("GDB") and not sys.stdin.isatty():
            print('run.py: no terminal, so no shell: RUN=tour (RUN="..." chooses)', file=sys.stderr)
            return "tour"
        return commands

    def command_line(self):
        """What the kernel is told."""
        words = []
        if env("LAYOUT"):
            words.append(f"layout={env('LAYOUT')}")
        if self.commands:
            words.append(f'run="{self.commands}"')
        elif self.init:
            words.append(f'init="{self.init}"')
        elif env("TOUR", "yes") != "no":
            words.append("tour")
        if env("APPEND"):
            words.append(env("APPEND"))
        return " ".join(words)

    def _memory_arguments(self):
        if flag("POISON"):
            path = garbage_file(self.ram, env("POISON"))
            backend = f"memory-backend-file,id=ram,size={self.ram},mem-path={path},share=on,reserve=off"
        elif self.ram > min(PLAIN_RAM, host_memory()):
            backend = f"memory-backend-ram,id=ram,size={self.ram},reserve=off"
        else:
            return ["-m", f"size={self.ram // KIB}K"]
        return ["-object", backend, "-machine", "memory-backend=ram", "-m", f"size={self.ram // KIB}K"]

    def arguments(self, console):
        """QEMU's whole command line. `console` is what the serial line is connected to."""
        machine = f"virt,gic-version={self.gic},virtualization={'on' if self.level == '2' else 'off'}"
        qemu = shlex.split(env("QEMU", "qemu-system-aarch64"))
        arguments = qemu + ["-machine", machine, "-cpu", self.cpu, "-smp", str(self.cpus)]
        arguments += self._memory_arguments()
        arguments += ["-kernel", self.kernel, "-append", self.command_line()]
        arguments += ["-initrd", self.initrd] if self.initrd else []
        if env("DTB"):
            arguments += ["-dtb", readable("DTB", env("DTB"))]
        if flag("ICOUNT"):
            arguments += ["-icount", "shift=0,sleep=off"]
        # The kernel leaves through semihosting, with its exit status; a reset ends the run, too.
        arguments += ["-semihosting-config", "enable=on,target=native", "-no-reboot"]
        arguments += ["-display", "none", "-nic", "none"] + console
        return arguments + shlex.split(env("QEMU_ARGS"))

    def __str__(self):
        plural = "" if self.cpus == 1 else "s"
        return (f"{self.cpu} x{self.cpus}, {size_text(self.ram)} of RAM, "
                f"GICv{self.gic}, entered at EL{self.level}")


BATCH_CONSOLE = ["-serial", "stdio", "-monitor", "none"]
PERSON_CONSOLE = ["-serial", "mon:stdio"]


def gdb_arguments(where):
    """GDB=1: wait for it on TCP port 1234; GDB=PORT another port; GDB=/path a Unix socket."""
    if where.startswith("/"):
        return ["-S", "-gdb", f"unix:{where},server=on,wait=off"]
    port = whole_number("GDB", 0)
    return ["-S", "-gdb", f"tcp:127.0.0.1:{1234 if port == 1 else port}"]


def end(process):
    """Ends QEMU if it still runs: gently, so that it puts the terminal back."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()


def wait(process, seconds):
    """The exit status; a run that takes longer than `seconds` (0: for ever) is ended, and says so."""
    try:
        return process.wait(timeout=seconds or None)
    except subprocess.TimeoutExpired:
        end(process)
        print(f"\nrun.py: ended after TIMEOUT={seconds} seconds", file=sys.stderr)
        return EXIT_TIMEOUT


def leave_on(signals):
    """So that whoever ends this process ends QEMU with it."""
    for number in signals:
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def run(machine):
    console = BATCH_CONSOLE if machine.batch else PERSON_CONSOLE
    arguments = machine.arguments(console)
    if env("GDB"):
        arguments += gdb_arguments(env("GDB"))
        print(f"run.py: halted; waiting for GDB: {' '.join(arguments[-2:])}", file=sys.stderr)
    seconds = whole_number("TIMEOUT", 0)
    stdin = subprocess.DEVNULL if machine.batch else None
    if not machine.batch:
        print(f"{machine}. Ctrl-A X leaves QEMU, Ctrl-A C is QEMU's own prompt.", file=sys.stderr)
    with subprocess.Popen(arguments, stdin=stdin, close_fds=False) as process:
        try:
            status = wait(process, seconds)
        finally:
            end(process)
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def terminal_of_our_own():
    """Takes this process and its children out of make's process group, so that Ctrl-C interrupts the
    program that GDB runs, and not make."""
    if not sys.stdin.isatty():
        yield
        return
    before = os.tcgetpgrp(sys.stdin.fileno())
    for stop in (signal.SIGTTOU, signal.SIGTSTP):  # nobody could continue us
        signal.signal(stop, signal.SIG_IGN)
    if os.getpgrp() != os.getpid():  # who leads a group already may not be allowed to leave it
        os.setpgid(0, 0)
    os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
    signal.signal(signal.SIGINT, lambda *_: None)  # for GDB alone; it does not inherit a handler
    try:
        yield
    finally:
        os.tcsetpgrp(sys.stdin.fileno(), before)


def debug(machine):
    """GDB has the terminal's keyboard; what the kernel prints appears between its lines."""
    elf = readable("KERNEL", os.path.join(os.path.dirname(machine.kernel), "meridian.elf"))
    commands = os.path.join(TOP, "qemu/gdb/meridian.py")
    with tempfile.TemporaryDirectory() as folder, terminal_of_our_own():
        socket = os.path.join(folder, "gdb")
        arguments = machine.arguments(BATCH_CONSOLE) + gdb_arguments(socket)
        # A session of its own: Ctrl-C is not for QEMU.
        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, close_fds=False,
                              start_new_session=True) as process:
            print(f'{machine}, halted at reset. The kernel prints here; to give it commands, use RUN="...".',
                  flush=True)
            gdb = [env("GDB_PROGRAM", "gdb-multiarch"), "-q", elf]
            gdb += ["-ex", "set confirm off", "-ex", f"target remote {socket}"]
            if os.path.exists(commands):
                gdb += ["-x", commands]
            while not os.path.exists(socket) and process.poll() is None:
                time.sleep(0.02)
            try:
                return 1 if process.poll() is not None else subprocess.call(gdb)
            finally:
                process.kill()  # the terminal is not QEMU's, so there is nothing to put back


def main(arguments):
    leave_on((signal.SIGTERM, signal.SIGHUP, signal.SIGINT))
    try:
        machine = Machine()
        if not shutil.which(shlex.split(env("QEMU", "qemu-system-aarch64"))[0]):
            raise BadRequest(f"{env('QEMU', 'qemu-system-aarch64')} is not installed: make setup")
        if arguments == ["--print"]:
            print(shlex.join(machine.arguments(BATCH_CONSOLE if machine.batch else PERSON_CONSOLE)))
            return 0
        if arguments == ["--debug"]:
            return debug(machine)
        if arguments:
            raise BadRequest(f"unknown argument {arguments[0]}")
        return run(machine)
    except BadRequest as problem:
        print(f"run.py: {problem}", file=sys.stderr)
        return EXIT_BAD_REQUEST


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
