# SPDX-License-Identifier: MIT
"""The fuzz targets of tests/fuzz: each is built, given what a real machine has to say, and fuzzed for a second; in
the deep tests for a minute. (The unit tests feed the same interfaces many fixed and random inputs.)"""

import glob
import os
import re
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGETS = sorted(glob.glob("tests/fuzz/fuzz_*.cc", root_dir=TOP))
SEEDS = {"fdt": "tests/unit/kernel/devicetree/*.dtb", "cpio": "tests/unit/kernel/fs/gnu_cpio.*", "elf": "build/rootfs/bin/*"}

FLAGS = ("-std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I. "
         "-Itests/support/fake_arch/include").split()


@pytest.mark.parametrize("seconds", [1, pytest.param(60, marks=pytest.mark.deep)])
@pytest.mark.parametrize("target", TARGETS)
def test_no_input_breaks_it(target, seconds, tmp_path):
    with open(os.path.join(TOP, target), encoding="utf-8") as file:
        sources = re.search(r"^// sources: (.*)$", file.read(), re.MULTILINE)[1].split()
    libraries = glob.glob("kernel/lib/*.cc", root_dir=TOP)
    binary = tmp_path / "fuzz"
    subprocess.run(["clang++", *FLAGS, "-o", binary, target, "tests/support/check_failed.cc", *sources, *libraries],
                   cwd=TOP, check=True)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    name = re.search(r"fuzz_(\w+)\.cc$", target)[1]
    for seed in glob.glob(SEEDS.get(name, "none"), root_dir=TOP):
        with open(os.path.join(TOP, seed), "rb") as file:
            (corpus / os.path.basename(seed)).write_bytes(file.read()[:16384])
    done = subprocess.run([binary, f"-max_total_time={seconds}", "-max_len=16384", "-print_final_stats=1", corpus],
                          cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                          errors="replace")
    assert done.returncode == 0, done.stdout[-4000:]
    print(f"{name}: {re.search('number_of_executed_units: ([0-9]+)', done.stdout)[1]} inputs")
