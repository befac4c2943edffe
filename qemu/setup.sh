#!/bin/sh
# Sees to it that the tools are there that build, start and test Meridian.
#
#   sh qemu/setup.sh [tests] [EXTRA...]
#
# Silent and quick when nothing is missing. Else it says what is missing and why it is needed, and
# installs it with apt-get, as root or through sudo. SETUP=no in the environment: it only prints the
# command to type, and fails. A system without Debian's packages gets the list of tools by name.
# `tests` is what the tests alone need; EXTRA names a tool that only one target needs (clang-format).
set -eu

PYTHON=${PYTHON:-/usr/bin/python3}
CROSS=${CROSS:-aarch64-linux-gnu-}
QEMU=${QEMU:-qemu-system-aarch64}

packages=
missing=

# need PACKAGE WHY CHECK...: unless CHECK succeeds, PACKAGE is to be installed.
need() {
    package=$1 why=$2
    shift 2
    if ! "$@" >/dev/null 2>&1; then
        packages="$packages $package"
        missing="$missing    $package: $why
"
    fi
}
command_() { command -v "$1"; }
# library COMPILER NAME: the compiler knows where it is (else it prints the name without a path).
library() { case $("$1" -print-file-name="$2") in /*) ;; *) return 1 ;; esac }
module() { "$PYTHON" -c "import sys, importlib.util as u; sys.exit(u.find_spec('$1') is None)"; }

check_tools() {
    packages= missing=
    need make "runs the build" command_ make
    need g++-aarch64-linux-gnu "compiles the kernel (${CROSS}g++)" command_ "${CROSS}g++"
    need binutils-aarch64-linux-gnu "links and inspects it (${CROSS}ld, objcopy, readelf)" command_ "${CROSS}objcopy"
    need libc6-dev-arm64-cross "the C library of the programs at EL0" library "${CROSS}gcc" libc.a
    need cpio "packs the initramfs" command_ cpio
    need qemu-system-arm "the machine ($QEMU)" command_ "$QEMU"
    need qemu-user-static "runs the programs at EL0 on this computer's Linux: the judge of our system calls" command_ qemu-aarch64-static
    need gdb-multiarch "make debug, and the tests that ask the machine from outside" command_ gdb-multiarch
    need python3 "the scripts that start the machine and run the tests" command_ "$PYTHON"
    need g++ "compiles the unit tests for this computer" command_ g++
    need libgtest-dev "GoogleTest, for the unit tests" library g++ libgtest.a
    need python3-pytest "runs the guest tests" module pytest
    need python3-pytest-xdist "runs them side by side" module xdist
    need python3-pexpect "types into the kernel's shell for them, and for make map" module pexpect
    need node-d3 "D3 (BSD licence): draws and zooms in the pages of make map" test -e /usr/share/nodejs/d3/dist/d3.min.js
    for extra; do
        case $extra in
        tests) check_test_tools ;;
        *) need "$extra" "asked for" command_ "$extra" ;;
        esac
    done
}

check_test_tools() {
    need chromium "shows the pages to their tests, without a screen" command_ chromium
    need chromium-driver "steers it" command_ chromedriver
    need python3-selenium "speaks to that" module selenium
    need clang "compiles the fuzz targets" command_ clang++
    need libclang-rt-dev "libFuzzer, which runs them" library clang++ "libclang_rt.fuzzer-$(uname -m).a"
}

is_debian() {
    command -v apt-get >/dev/null 2>&1 && grep -qsE '^ID(_LIKE)?=.*debian' /etc/os-release
}

apt() {
    # shellcheck disable=SC2086  # $as_root is empty or one word
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

check_tools "$@"
[ -n "$packages" ] || exit 0

printf 'setup: these tools are missing:\n%s' "$missing"

if ! is_debian; then
    echo "setup: this is not Debian, so install them by hand, under the names your system gives them" >&2
    exit 1
fi

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo

if [ "${SETUP:-yes}" = no ]; then
    echo "setup: SETUP=no, so type this yourself: ${as_root:+sudo }apt-get install --no-install-recommends$packages" >&2
    exit 1
fi
if [ -n "$as_root" ] && ! command -v sudo >/dev/null 2>&1; then
    echo "setup: neither root nor sudo here; as root, type: apt-get install --no-install-recommends$packages" >&2
    exit 1
fi

echo "setup: installing them with apt-get (SETUP=no would only print the command)"
# shellcheck disable=SC2086  # $packages is a list of words
install_packages() { apt "$@" install --no-install-recommends $packages; }

# The package lists may be absent (a fresh system) or too old (a package has moved since).
if ! install_packages --simulate >/dev/null 2>&1 || ! install_packages; then
    apt update || echo "setup: apt-get update had trouble; trying with what it got" >&2
    install_packages || {
        echo "setup: apt-get could not install:$packages" >&2
        exit 1
    }
fi

check_tools "$@"
if [ -n "$packages" ]; then
    echo "setup: installed, but still not found:$packages" >&2
    exit 1
fi
