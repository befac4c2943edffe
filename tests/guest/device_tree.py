# SPDX-License-Identifier: MIT
"""Device trees to boot with: QEMU's own, taken apart, changed, and put together again; and a loader
that gives the kernel one that QEMU would never give (QEMU repairs what comes with -dtb).

Devicetree Specification v0.4, chapter 5, "Flattened Devicetree (DTB) Format".
"""

import os
import struct
import subprocess
import tempfile

from machine import IMAGE, boot

MAGIC = 0xD00DFEED
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9

TREE_ADDRESS = 0x4300_0000  # QEMU has its own above
IMAGE_ADDRESS = 0x4240_0000  # not where QEMU would put it


class Node:
    """A node with its properties (bytes by name) and children, in order."""

    def __init__(self, name):
        self.name = name
        self.properties = {}
        self.children = []

    def find(self, path):
        """The node at "a/b@1"."""
        node = self
        for name in filter(None, path.split("/")):
            node = next(child for child in node.children if child.name == name)
        return node

    def add(self, name, properties):
        node = Node(name)
        node.properties = properties
        self.children.append(node)
        return node

    def remove(self, start):
        """Removes the children whose name begins with `start`."""
        self.children = [child for child in self.children if not child.name.startswith(start)]


def cells(*values):
    """64-bit numbers as two cells each."""
    return b"".join(struct.pack(">Q", value) for value in values)


def parse(blob):
    _, _, structure, strings = struct.unpack_from(">4I", blob)
    root, stack, at = None, [], structure
    while True:
        (token,) = struct.unpack_from(">I", blob, at)
        at += 4
        if token == BEGIN_NODE:
            end = blob.index(b"\0", at)
            node = Node(blob[at:end].decode())
            at = (end + 4) & ~3
            if stack:
                stack[-1].children.append(node)
            else:
                root = node
            stack.append(node)
        elif token == END_NODE:
            stack.pop()
        elif token == PROP:
            length, name = struct.unpack_from(">2I", blob, at)
            name_end = blob.index(b"\0", strings + name)
            stack[-1].properties[blob[strings + name:name_end].decode()] = blob[at + 8:at + 8 + length]
            at = (at + 8 + length + 3) & ~3
        elif token == END:
            return root


def build(root, reservations=()):
    """The tree as bytes."""
    strings, structure = bytearray(), bytearray()

    def string(name):
        text = name.encode() + b"\0"
        place = strings.find(text)
        if place < 0:
            place = len(strings)
            strings.extend(text)
        return place

    def padded(data):
        return data + bytes(-len(data) % 4)

    def write(node):
        structure.extend(struct.pack(">I", BEGIN_NODE) + padded(node.name.encode() + b"\0"))
        for name, value in node.properties.items():
            structure.extend(struct.pack(">3I", PROP, len(value), string(name)) + padded(value))
        for child in node.children:
            write(child)
        structure.extend(struct.pack(">I", END_NODE))

    write(root)
    structure.extend(struct.pack(">I", END))
    reserved = b"".join(struct.pack(">2Q", *pair) for pair in [*reservations, (0, 0)])
    structure_at = 40 + len(reserved)
    strings_at = structure_at + len(structure)
    header = struct.pack(">10I", MAGIC, strings_at + len(strings), structure_at, strings_at, 40, 17, 16, 0,
                         len(strings), len(structure))
    return header + reserved + bytes(structure) + bytes(strings)


def qemu_tree(ram="128M", commands="help"):
    """QEMU's tree of a machine with one CPU and a GICv3, telling the kernel to run `commands`."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree")
        subprocess.run(["qemu-system-aarch64", "-machine", f"virt,gic-version=3,dumpdtb={path}", "-cpu",
                        "neoverse-n1", "-m", ram, "-display", "none", "-nic", "none", "-kernel", IMAGE,
                        "-append", f'run="{commands}"'], check=True, capture_output=True)
        with open(path, "rb") as file:
            return parse(file.read())


def loader(tree, image):
    """An Image of eight words of AArch64 that put `tree` into x0 and go to `image`."""
    header = struct.pack("<II48x4sI", 0x1400_0010, 0, b"ARM\x64", 0)  # its first instruction jumps over it
    instructions = (0x5800_0080, 0x5800_00A1, 0xD61F_0020, 0xD503_201F)  # ldr, ldr, br x1, nop
    return header + struct.pack("<4I2Q", *instructions, tree, image)


def boot_with(blob, address=TREE_ADDRESS, **variables):
    """Boots with these bytes as the device tree, and gives what was printed and the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        def file(name, data):
            path = os.path.join(folder, name)
            with open(path, "wb") as out:
                out.write(data)
            return path

        devices = [f"loader,file={IMAGE},addr={IMAGE_ADDRESS:#x},force-raw=on"]
        if blob:
            devices.append(f"loader,file={file('tree', blob)},addr={TREE_ADDRESS:#x},force-raw=on")
        arguments = " ".join(f"-device {device}" for device in devices)
        return boot(**{"mem": "128M", "initrd": "none", "timeout": 20, **variables},
                    kernel=file("loader", loader(address, IMAGE_ADDRESS)), qemu_args=arguments)
