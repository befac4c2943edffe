# Meridian: an AArch64 kernel that makes virtual memory visible.
#
# `make help` lists what can be done. Everything is built out of tree, in build/. How a part is
# built stands beside that part:
#   linker/kernel.mk   the kernel's two images: the production one and the one with tests inside
#   qemu/programs.mk   the programs that run at EL0, and the initramfs that carries them
#   tests/tests.mk     the tests that run on this computer, and their coverage

PYTHON ?= /usr/bin/python3
CROSS  ?= aarch64-linux-gnu-
BUILD  ?= build

# One job a processor, unless the person asked for another number.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
MAKEFLAGS += --no-print-directory --no-builtin-rules --no-builtin-variables
.SUFFIXES:
.DELETE_ON_ERROR:

# `make V=1` shows each command whole; else one short line names what is made.
Q   := $(if $(V),,@)
say  = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

# How the machine is started. Each means the same to every target that starts one; qemu/README.md
# lists them with their values.
export MEM CPUS CPU GIC EL LAYOUT RUN INIT APPEND INITRD KERNEL DTB ICOUNT POISON GDB TIMEOUT TOUR QEMU_ARGS
export BUILD CROSS
export PYTHONDONTWRITEBYTECODE = 1
# Whoever puts ccache before the compilers: so it understands the precompiled headers.
export CCACHE_SLOPPINESS ?= pch_defines,time_macros

.PHONY: all
all: kernel initramfs compile-commands ## build the kernel and its programs

include linker/kernel.mk
include qemu/programs.mk
include tests/tests.mk

.PHONY: run tour compare map map-picture debug bench
run: kernel initramfs ## boot, run the tour, leave you in the shell; RUN="cmd; cmd" runs these and exits
	@$(PYTHON) qemu/run.py

tour: export RUN = tour
tour: kernel initramfs ## the tour without the shell; fails unless every stop passes
	@$(PYTHON) qemu/run.py

compare: export RUN = compare
compare: kernel initramfs ## arm64, x86-64 and i386 side by side: the table alone, without the boot log
	@$(PYTHON) qemu/run.py | awk '/^compare: / { table = 1 } table; END { exit !table }'

map: kernel initramfs ## the address spaces of live machines as pictures and pages, in build/map; LAYOUT=... first
	@$(PYTHON) qemu/map/make_map.py pages $(BUILD)/map

map-picture: kernel initramfs ## draw the picture that the README opens with again
	@$(PYTHON) qemu/map/make_map.py picture qemu/map/address-space.svg

debug: kernel initramfs ## the machine halted at reset, GDB attached in this terminal
	@$(PYTHON) qemu/run.py --debug

gdbserver: export GDB := $(or $(GDB),1)
gdbserver: kernel initramfs ## the machine halted at reset, waiting for GDB on TCP port 1234 (GDB=PORT for another)
	@$(PYTHON) qemu/run.py

bench: kernel initramfs ## count the instructions of each operation, and print them as a table
	@$(PYTHON) tests/bench.py

.PHONY: test test-deep selftest unit coverage tlbsan litmus
test: setup-tests ## every fast test; ends with `N passed, N failed, N skipped`
	+@$(PYTHON) tests/run.py

test-deep: setup-tests ## the long checks too: the whole boot matrix, coverage
	+@$(PYTHON) tests/run.py --deep

selftest: test-kernel test-initramfs ## the tests inside the kernel, as it prints them
	@RUN=selftest KERNEL=$(BUILD)/test/Image INITRD=$(BUILD)/test-initramfs.cpio $(PYTHON) qemu/run.py

unit: $(BUILD)/unit/unit_tests ## the unit tests on this computer; GTEST_FILTER=... chooses
	@$<

tlbsan: kernel initramfs test-kernel test-initramfs $(BUILD)/tlbsan.so ## run everything on the most hostile TLB there can be
	@$(PYTHON) tests/tlbsan/run.py

litmus: check-litmus ## the order of memory accesses: each barrier and TLBI sequence, as herd7 judges it
	@$(PYTHON) tests/litmus/run.py

coverage: $(BUILD)/coverage/unit_tests ## how much of mm/ the unit tests reach
	@$(PYTHON) tests/coverage.py $(BUILD)/coverage

.PHONY: busybox
busybox: initramfs ## fetch Debian's busybox for arm64, and pack it: make run INITRD=build/busybox.cpio
	$(call say,BUSYBOX,$(BUILD)/busybox.cpio)
	$(Q)sh qemu/busybox.sh $(BUILD)/busybox.cpio $(ROOTFS_PROGRAMS)

.PHONY: setup setup-tests help clean format
setup: ## install the tools that are missing; SETUP=no only prints the command
	@SETUP=$(SETUP) sh qemu/setup.sh

setup-tests: # what the tests need on top
	@SETUP=$(SETUP) sh qemu/setup.sh tests

format: setup ## lay out the C++ sources as .clang-format says
	@find arch kernel mm tests -name '*.cc' -o -name '*.h' | xargs clang-format -i

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | \
		while IFS='	' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done
	@echo 'The machine: MEM=512M CPUS=1 CPU=neoverse-n1 GIC=3 EL=1 LAYOUT=arm64 APPEND="..." INITRD=... (qemu/README.md)'

clean: ## delete what was built
	rm -rf $(BUILD)
