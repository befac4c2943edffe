# SPDX-License-Identifier: MIT
"""QEMU's GDB stub, as far as a picture needs it: stop and go on, translation registers, physical memory, and one
breakpoint. The machine stands still from the connection on, and whenever go_on() has not been called since."""

import re
import socket

CHUNK = 1024  # bytes a read: QEMU's packets hold 4096 characters

SP = 31  # GDB's number for it on AArch64


class StubError(Exception):
    """The stub did not answer as it should; the text says what was asked."""


class Stub:
    """The stub that listens on the Unix socket at `path`."""

    def __init__(self, path, patience):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(patience)
        self._socket.connect(path)
        self._input = self._socket.makefile("rb")
        self._ask("qSupported:xmlRegisters=aarch64")
        self._registers = self._register_numbers()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._input.close()
        self._socket.close()

    def _send(self, text):
        self._socket.sendall(f"${text}#{sum(text.encode()) & 0xff:02x}".encode())

    def _receive(self):
        """The next packet's text; what acknowledges ours is passed over."""
        while (byte := self._input.read(1)) != b"$":
            if not byte:
                raise StubError("QEMU has closed its GDB stub")
        text = b""
        while (byte := self._input.read(1)) != b"#":
            text += b"%c" % (self._input.read(1)[0] ^ 0x20) if byte == b"}" else byte
        self._input.read(2)
        self._socket.sendall(b"+")
        return text.decode("latin-1")

    def _ask(self, text, wanted=None):
        self._send(text)
        while (answer := self._receive()).startswith("T"):
            pass  # the machine has stopped, for us: QEMU says so whenever it likes
        if answer.startswith("E") or wanted not in (None, answer):
            raise StubError(f"QEMU's GDB stub answers {answer!r} to {text!r}")
        return answer

    def _register_numbers(self):
        """{name: number} of the system registers, which QEMU describes in XML."""
        xml, part = "", "m"
        while part.startswith("m"):
            part = self._ask(f"qXfer:features:read:system-registers.xml:{len(xml):x},800")
            xml += part[1:]
        return {re.search(r'name="(\w+)"', reg)[1]: int(re.search(r'regnum="(\d+)"', reg)[1])
                for reg in re.findall(r"<reg [^>]*>", xml)}

    def _register(self, number):
        return int.from_bytes(bytes.fromhex(self._ask(f"p{number:x}")), "little")

    def register(self, name):
        """A system register."""
        return self._register(self._registers[name])

    def stack_pointer(self):
        return self._register(SP)

    def read(self, address, size):
        """Physical memory."""
        self._ask("Qqemu.PhyMemMode:1", "OK")
        data = b""
        while len(data) < size:
            data += bytes.fromhex(self._ask(f"m{address + len(data):x},{min(CHUNK, size - len(data)):x}"))
        self._ask("Qqemu.PhyMemMode:0", "OK")
        return data

    def set_breakpoint(self, address):
        self._ask(f"Z1,{address:x},4", "OK")

    def clear_breakpoint(self, address):
        self._ask(f"z1,{address:x},4", "OK")

    def go_on(self):
        self._send("c")

    def stop(self):
        self._socket.sendall(b"\x03")
        self.wait_for_stop()

    def wait_for_stop(self):
        if not (answer := self._receive()).startswith("T"):
            raise StubError(f"the machine has not stopped: {answer!r}")
