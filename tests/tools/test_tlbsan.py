# SPDX-License-Identifier: MIT
"""tlbsan itself, as a plugin of QEMU: it finds the registers, and it ends the run, with a reason, where
it cannot see what it must."""

import os
import subprocess

import pytest

from make import make

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TOP, os.environ.get("BUILD") or "build")
CROSS = os.environ.get("CROSS", "aarch64-linux-gnu-")
QEMU = (os.environ.get("QEMU") or "qemu-system-aarch64").split()

REFUSED = 3  # QEMU's exit status
T0SZ_25, IPS_40 = 25, 2 << 32
PLAIN = T0SZ_25 | IPS_40
# The same block again, with another memory type and no invalidation.
REMAP = "ldr x6, [x0, #8]; orr x6, x6, #4; str x6, [x0, #8]; dsb ish; isb"


@pytest.fixture(name="plugin", scope="module")
def plugin_fixture():
    make(os.path.relpath(os.path.join(BUILD, "tlbsan.so"), TOP))
    return os.path.join(BUILD, "tlbsan.so")


# The same block again, for EL0 too, which PAN closes to EL1; read-only, so that EL1 may still execute there.
SET_PAN, CLEAR_PAN = ".inst 0xd500419f", ".inst 0xd500409f"  # msr pan, #1 and #0
OPEN_TO_EL0 = f"ldr x6, [x0, #8]; orr x6, x6, #0xc0; str x6, [x0, #8]; dsb ish; isb; ldr x5, [x3]; {CLEAR_PAN}"


def image_of(folder, source, *macros):
    made, image = folder / "guest.o", folder / "guest.bin"
    subprocess.run([CROSS + "gcc", "-c", "-march=armv8-a", *macros, "-o", made, os.path.join(HERE, source)], check=True)
    subprocess.run([CROSS + "objcopy", "-O", "binary", "-j", ".text", made, image], check=True)
    return image


def guest(folder, tcr=PLAIN, remap="", before=""):
    return image_of(folder, "tlbsan_guest.S", f"-DTCR={tcr:#x}", f"-DREMAP={remap}", f"-DBEFORE={before}")


def run(plugin, folder, *machine, arguments=""):
    """(exit status, what QEMU said, what the plugin wrote)."""
    out = folder / "reports"
    done = subprocess.run([*QEMU, "-M", "virt", "-cpu", "cortex-a72", "-display", "none", "-monitor", "none", "-serial",
                           "null", "-net", "none", "-semihosting", *machine, "-plugin", f"{plugin},out={out}{arguments}"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                          check=False, encoding="utf-8")
    return done.returncode, done.stdout, out.read_text(encoding="utf-8") if out.exists() else ""


@pytest.mark.parametrize("machine", [(), ("-smp", "2"), ("-icount", "shift=0,sleep=off"), ("-M", "virt,virtualization=on"),
                                     ("-cpu", "max"), ("-cpu", "cortex-a53"), ("-cpu", "neoverse-n1")])
def test_it_finds_the_registers_of_each_machine(plugin, tmp_path, machine):
    if "virt,virtualization=on" in machine:  # the guest stays at EL2, where nothing is checked
        machine += ("-kernel", guest(tmp_path, remap=""))
        status, said, wrote = run(plugin, tmp_path, *machine)
        assert (status, said) == (0, "") and "accesses=0 " in wrote
        return
    status, said, wrote = run(plugin, tmp_path, *machine, "-kernel", guest(tmp_path))
    assert (status, said) == (0, "")
    assert "end accesses=2" in wrote and " reports=0 " in wrote


def test_it_reports_what_the_guest_does_wrong(plugin, tmp_path):
    _, _, wrote = run(plugin, tmp_path, "-kernel", guest(tmp_path, remap=REMAP))
    assert "report kind=no-break-before-make" in wrote and "what=another memory type" in wrote


def test_it_knows_pan(plugin, tmp_path):
    """The stale entry gives EL1 no more than the new one does, unless PAN counts."""
    for before, reports in (("", 0), (SET_PAN, 1)):
        image = guest(tmp_path, remap=OPEN_TO_EL0, before=before)
        status, said, wrote = run(plugin, tmp_path, "-cpu", "max", "-kernel", image)
        assert (status, said) == (0, "") and f" reports={reports} " in wrote
    assert "report kind=stale-leaf" in wrote and "what=rights that were taken away" in wrote


@pytest.mark.parametrize("machine", [(), ("-icount", "shift=0,sleep=off"), ("-accel", "tcg,thread=single")])
def test_no_cpu_waits_for_one_that_never_gets_its_turn(plugin, tmp_path, machine):
    status, said, wrote = run(plugin, tmp_path, *machine, "-smp", "2", "-kernel", image_of(tmp_path, "tlbsan_turns.S"))
    assert (status, said) == (0, "") and " reports=0 " in wrote


def test_it_refuses_a_machine_whose_registers_it_does_not_find(plugin, tmp_path):
    firmware = tmp_path / "firmware"
    firmware.write_bytes(bytes.fromhex("1f2003d5 00000014".replace(" ", "")) * 512)  # nop; b .
    status, said, _ = run(plugin, tmp_path, "-bios", firmware)
    assert status == REFUSED and "no place in the CPU's state looks like the registers" in said


@pytest.mark.parametrize("bits, reason", [(1 << 39, "access flags or dirty state kept by hardware"),
                                          (2 << 14, "a granule other than 4 KiB")])
def test_it_refuses_translation_that_it_does_not_know(plugin, tmp_path, bits, reason):
    status, said, _ = run(plugin, tmp_path, "-kernel", guest(tmp_path, PLAIN | bits))
    assert status == REFUSED and f"tlbsan: cannot run with this QEMU: {reason}" in said


# What TLBI leave of a global block at L1, at 0x80000000: CRm and op2, the operand, and is it gone?
VMALLE1IS, ASIDE1IS, VAE1IS, VAALE1IS, RVAALE1IS, RVAAE1 = (3, 0), (3, 2), (3, 1), (3, 7), (2, 7), (6, 3)
PAGE, OF_4K, OF_16K, RANGE_OF_4K, RANGE_OF_16K = 0x80000, 1 << 46, 2 << 46, 1 << 46, 2 << 46
INVALIDATIONS = [
    (VMALLE1IS, 0, True), (ASIDE1IS, 0, False), (VAE1IS, 7 << 48 | PAGE, True), (VAALE1IS, PAGE, True),
    (VAALE1IS, PAGE + (1 << 18) - 1, True), (VAALE1IS, PAGE + (1 << 18), False),
    (VAALE1IS, OF_4K | 1 << 44 | PAGE, True), (VAALE1IS, OF_4K | 2 << 44 | PAGE, False),
    (VAALE1IS, OF_16K | 1 << 44 | PAGE, False),
    (RVAALE1IS, RANGE_OF_4K | PAGE, True), (RVAALE1IS, RANGE_OF_4K | PAGE - 2, False),
    (RVAALE1IS, RANGE_OF_4K | 1 << 39 | PAGE - 2, True),
    (RVAALE1IS, RANGE_OF_4K | 1 << 37 | PAGE, True), (RVAALE1IS, RANGE_OF_4K | 2 << 37 | PAGE, False),
    (RVAALE1IS, RANGE_OF_16K | PAGE, False), (RVAAE1, RANGE_OF_4K | 1 << 44 | PAGE - 64, False),
    (RVAAE1, RANGE_OF_4K | 1 << 44 | PAGE - 63, True)]
# An alias of RAM at 0x80000000 is made, used, broken, invalidated, and made with another memory type.
ALIAS = ("ldr x6, [x0, #8]; str x6, [x0, #16]; dsb ish; isb; mov x8, #0x40000000; add x8, x8, x3; ldr x5, [x8]; "
         "str xzr, [x0, #16]; dsb ish; ldr x9, =OPERAND; sys #0, c8, cCRM, #OP2, x9; dsb ish; "
         "orr x6, x6, #4; str x6, [x0, #16]; dsb ish; isb; ldr x5, [x8]")


@pytest.mark.parametrize("form, operand, is_gone", INVALIDATIONS)
def test_an_invalidation_drops_what_it_names_and_nothing_else(plugin, tmp_path, form, operand, is_gone):
    remap = ALIAS.replace("CRM", str(form[0])).replace("OP2", str(form[1])).replace("OPERAND", f"{operand:#x}")
    status, said, wrote = run(plugin, tmp_path, "-cpu", "max", "-kernel", guest(tmp_path, remap=remap))
    assert (status, said) == (0, "") and "invalidations=1 " in wrote
    assert (" reports=0 " in wrote) == is_gone
    assert ("kind=no-break-before-make" in wrote) != is_gone


@pytest.mark.parametrize("operation, reports", [("aside1is, xzr", 0), ("vmalle1is", 1), ("vaae1is, x9", 1)])
def test_what_a_tlbi_cannot_name_needs_no_dsb_before_it(plugin, tmp_path, operation, reports):
    """The kernel may free memory of its own lazily, and end a process meanwhile."""
    remap = ("ldr x6, [x0, #8]; str x6, [x0, #16]; dsb ish; isb; mov x8, #0x40000000; add x8, x8, x3; ldr x5, [x8]; "
             f"mov x9, #0x80000; str xzr, [x0, #16]; tlbi {operation}; dsb ish; tlbi vaae1is, x9; dsb ish")
    _, _, wrote = run(plugin, tmp_path, "-kernel", guest(tmp_path, remap=remap))
    assert f" reports={reports} " in wrote and wrote.count("kind=tlbi-before-dsb") == reports


def test_it_refuses_an_invalidation_that_it_does_not_know(plugin, tmp_path):
    status, said, _ = run(plugin, tmp_path, "-kernel", guest(tmp_path, remap="sys #0, c8, c4, #1, xzr"))
    assert status == REFUSED and "tlbsan: cannot run with this QEMU: a TLBI of an unknown form" in said


def test_it_refuses_an_argument_that_it_does_not_know(plugin, tmp_path):
    status, said, _ = run(plugin, tmp_path, "-kernel", guest(tmp_path), arguments=",spurius=fine")
    assert status == REFUSED and "unknown argument spurius=fine" in said
