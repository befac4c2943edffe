# SPDX-License-Identifier: MIT
"""The kernel's shell on a terminal of its own, for a program that types: Session(environment) starts run.py with these
variables, and gives what comes back up to the next prompt."""

import os
import sys

import pexpect

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RUN_PY = os.path.join(TOP, "qemu/run.py")
PROMPT = "meridian> "


class NoPrompt(Exception):
    """The machine ended instead; the text is what it printed."""


class Session:
    """A machine at the prompt. `patience` is in seconds: running into it means that the kernel hangs."""

    def __init__(self, environment, patience):
        self.process = pexpect.spawn(sys.executable, [RUN_PY], env=environment, cwd=TOP,
                                     timeout=patience, encoding="utf-8", codec_errors="replace", echo=False,
                                     dimensions=(50, 200))
        self.process.delaybeforesend = None
        self.boot_log = self.read_to_prompt()

    def read_to_prompt(self):
        """What is printed before the next prompt."""
        try:
            self.process.expect_exact(PROMPT)
        except pexpect.EOF:
            raise NoPrompt(self.process.before.replace("\r", "").strip()) from None
        return self.process.before.replace("\r", "")

    def type(self, keys):
        """Types the keys as they are, and waits for nothing."""
        self.process.send(keys)

    def run(self, command):
        """What a command prints. The shell echoes the command first."""
        self.type(command + "\r")
        return self.read_to_prompt().partition("\n")[2]

    def finish(self):
        """The exit status, once the kernel has powered off by itself."""
        self.process.expect(pexpect.EOF)
        self.process.close()
        return self.process.exitstatus

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate(force=True)  # run.py hands it on to QEMU
