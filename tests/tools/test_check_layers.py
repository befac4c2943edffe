# SPDX-License-Identifier: MIT
"""check_layers.py: each rule, broken once in a small tree of its own, is found on its line; what is
allowed is not."""

import pytest

import check_layers

BROKEN = {
    "a lower layer includes a higher one": (
        "mm/address.h", '#include "mm/paging/cursor.h"', 'layer addresses may not include'),
    "lib includes anything": (
        "kernel/lib/result.h", '#include "mm/address.h"', "layer lib may not include"),
    "the engine names the layer that binds it": (
        "mm/paging/mapper.h", "#include <arch/paging.h>", "layer engine may not include"),
    "attributes include the engine beside them": (
        "mm/paging/attributes.h", '#include "mm/paging/walk.h"', "layer attributes may not include"),
    "mm includes the kernel above it": (
        "mm/slab/slab.cc", '#include "kernel/proc/thread.h"', "layer mm may not include"),
    "mm names an architecture": (
        "mm/frames/buddy.cc", '#include "arch/aarch64/hw/tlbi.h"', "names an architecture"),
    "the kernel names an architecture": (
        "kernel/shell/cmd_esr.cc", '#include "arch/aarch64/regs/esr.h"', "names an architecture"),
    "a lock uses more of the machine than it may": (
        "kernel/sync/spinlock.h", "#include <arch/paging.h>", "only <arch/{irq.h,cpu.h}>"),
    "the machine calls up elsewhere than through entry.h": (
        "arch/aarch64/trap/exceptions.cc", '#include "kernel/proc/thread.h"', "layer machine may not include"),
    "pure code includes asm": (
        "arch/aarch64/vmsa/descriptor.h", '#include "arch/aarch64/hw/tlbi.h"', "layer vmsa may not include"),
    "a header of the C library": ("kernel/lib/format.cc", "#include <cstdio>", "not a freestanding header"),
    "generated constants outside the architecture": (
        "kernel/init/init.cc", "#include <generated/asm_offsets.h>", "is for arch/aarch64 only"),
    "a path that starts beside the file": (
        "mm/paging/walk.h", '#include "cursor.h"', "write its path from the top"),
    "a file in no layer": ("mm/novel/thing.h", '#include "mm/address.h"', "belongs to no layer"),
    "a unit test of mm includes asm": (
        "tests/unit/mm/x_test.cc", '#include "arch/aarch64/hw/tlbi.h"', "names an architecture"),
    "an in-kernel test names an architecture": (
        "tests/kernel/mm_test.cc", '#include "arch/aarch64/hw/tlbi.h"', "names an architecture"),
    "asm in a trap handler": (
        "arch/aarch64/trap/exceptions.cc", 'void f() { asm volatile("isb"); }', "asm outside arch/aarch64/hw"),
    "asm in the other spelling": ("kernel/lib/bits.h", '__asm__("nop");', "asm outside"),
    "an assembly file in mm": ("mm/paging/walk.S", "nop", "assembly outside arch/"),
    "an #ifdef on the architecture": (
        "mm/address.h", "#ifdef __aarch64__", "#ifdef on __aarch64__: the include path picks"),
    "an #if on the architecture": (
        "kernel/init/init.cc", "#if defined(__x86_64__) || 1", "#if on __x86_64__"),
}

ALLOWED = {
    "mm/frames/buddy.cc": '#include <arch/paging.h>\n#include "mm/paging/walk.h"\n',
    "mm/user/fault.cc": '#include "kernel/sync/spinlock.h"\n',
    "mm/address.h": "#include <concepts>\n// no asm here\nconst char* text = \"asm\";\n/* asm\n asm */\n#ifdef NDEBUG\n#endif\n",
    "arch/aarch64/hw/tlbi.h": 'inline void isb() { asm volatile("isb" ::: "memory"); }\n',
    "arch/aarch64/boot/entry.S": "#include <generated/asm_offsets.h>\n",
    "arch/aarch64/asm_offsets.cc": 'void f() { asm volatile("->X 1"); }\n',
    "arch/aarch64/trap/exceptions.cc": '#include "kernel/entry.h"\n#include "arch/aarch64/regs/esr.h"\n',
    "arch/aarch64/include/arch/paging.h": '#include "mm/paging/mapper.h"\n#include "arch/aarch64/vmsa/descriptor.h"\n',
    "tests/unit/arch/descriptor_test.cc": '#include <vector>\n#include "arch/aarch64/vmsa/descriptor.h"\n',
}


@pytest.mark.parametrize("path, line, complaint", BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_reported_on_its_line(tmp_path, capsys, path, line, complaint):
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(f"// first line\n{line}\n")

    assert check_layers.main([str(tmp_path)]) == 1
    found = capsys.readouterr().out.splitlines()
    assert len(found) == 2 and complaint in found[0], found
    assert found[0].startswith(f"{path}:{1 if 'assembly' in complaint else 2}: ")


def test_what_is_allowed_is_not_reported(tmp_path, capsys):
    for path, text in ALLOWED.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    assert check_layers.main([str(tmp_path)]) == 0, capsys.readouterr().out


def test_an_empty_tree_is_no_success(tmp_path):
    assert check_layers.main([str(tmp_path)]) == 1
