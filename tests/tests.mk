# The unit tests: one GoogleTest program for this computer, made twice.
#   build/unit/unit_tests       with the address and undefined-behaviour sanitizers
#   build/coverage/unit_tests   with line counting instead (`make coverage`)

HOST_CXX ?= g++

UNIT_TESTS := $(sort $(shell find tests/unit -name '*_test.cc' 2>/dev/null))

# What shows the machine itself.
KERNEL_ONLY_FS := $(addprefix kernel/fs/,memory_files.cc root.cc table_dump.cc)

# The kernel sources that unit tests need. Most of what they test is in headers; add what is not.
UNIT_KERNEL_SOURCES := $(wildcard \
	arch/aarch64/regs/*.cc \
	arch/aarch64/vmsa/*.cc \
	kernel/console/*.cc \
	kernel/devicetree/*.cc \
	$(filter-out $(KERNEL_ONLY_FS),$(wildcard kernel/fs/*.cc)) \
	kernel/init/command_line.cc \
	kernel/lib/*.cc \
	kernel/log/kept_log.cc \
	kernel/log/symbol_table.cc \
	kernel/proc/elf.cc \
	kernel/proc/exec_strings.cc \
	kernel/proc/initial_stack.cc \
	kernel/proc/signal.cc \
	kernel/shell/args.cc \
	kernel/shell/line_editor.cc \
	kernel/shell/shell.cc \
	mm/frames/*.cc \
	mm/kernel/*.cc \
	mm/layout/*.cc \
	mm/slab/*.cc \
	mm/user/*.cc)
# tlbsan's parts that know nothing of QEMU.
TLBSAN_PURE := $(addprefix tests/tlbsan/,decode.cc tlb.cc walk.cc)

UNIT_SOURCES := $(UNIT_TESTS) $(UNIT_KERNEL_SOURCES) $(TLBSAN_PURE) $(wildcard tests/support/*.cc)

# The fake architecture takes the place of arch/aarch64/include; nothing else differs for the code, which
# checks itself as in the test image (kernel/lib/self_checks.h). Lines are all that a sanitizer's report
# needs of -g, and they compile faster.
UNIT_CXXFLAGS := -std=c++20 -g1 -Wall -Wextra -Werror -DMERIDIAN_TESTS=1 -I. -Itests/support/fake_arch/include -Itests/support

unit_flags_unit     := -O0 -fsanitize=address,undefined -fno-sanitize-recover=all
unit_flags_coverage := -O0 --coverage

# build/unit/include/first.h.gch holds tests/unit/first.h, compiled once: GoogleTest, and the headers of the C++
# library that many tests include. Coverage does without, so that no test forgets to include what it uses.
unit_first_unit     := $(BUILD)/unit/include/first.h.gch
unit_flags_unit     += -I$(BUILD)/unit/include $(WITH_FIRST)
unit_first_coverage :=

$(unit_first_unit): tests/unit/first.h Makefile tests/tests.mk | setup
	$(call say,HOSTCXX,$@)
	@mkdir -p $(@D)
	$(Q)$(HOST_CXX) $(UNIT_CXXFLAGS) $(filter -O% -f%,$(unit_flags_unit)) -x c++-header -o $@ $<

# $(1) is unit or coverage.
define unit_rules
unit_objects_$(1) := $$(patsubst %.cc,$(BUILD)/$(1)/obj/%.o,$(UNIT_SOURCES))

$(BUILD)/$(1)/obj/%.o: %.cc $$(unit_first_$(1)) Makefile tests/tests.mk | setup
	$$(call say,HOSTCXX,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(HOST_CXX) $(UNIT_CXXFLAGS) $(unit_flags_$(1)) -MMD -MP -c -o $$@ $$<

$(BUILD)/$(1)/objects.txt: FORCE
	@mkdir -p $$(@D)
	@echo '$$(unit_objects_$(1))' | cmp -s - $$@ || echo '$$(unit_objects_$(1))' >$$@

$(BUILD)/$(1)/unit_tests: $$(unit_objects_$(1)) $(BUILD)/$(1)/objects.txt | setup
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(HOST_CXX) $(unit_flags_$(1)) -o $$@ @$(BUILD)/$(1)/objects.txt -lgtest_main -lgtest -lpthread

-include $$(unit_objects_$(1):.o=.d)
endef
$(foreach kind,unit coverage,$(eval $(call unit_rules,$(kind))))

# The rules that the tree and the images keep.
EARLY_OBJECTS := $(foreach image,$(IMAGES),$(patsubst %,$(BUILD)/$(image)/obj/%.o, \
	$(call sources_under,arch/aarch64/boot) $(EARLY_SOURCES)))

# Functions that may touch the FP and SIMD registers: those that give them to programs, and take them.
FP_FUNCTIONS := clear_fpsimd save_fpsimd load_fpsimd

.PHONY: check-layers check-elf
check-layers: | setup
	@$(PYTHON) tests/check_layers.py

check-elf: kernel test-kernel
	@CROSS=$(CROSS) $(PYTHON) tests/check_elf.py $(FP_FUNCTIONS:%=--allow-fp=%) image $(foreach image,$(IMAGES),$(BUILD)/$(image))
	@CROSS=$(CROSS) $(PYTHON) tests/check_elf.py early $(EARLY_OBJECTS)

# tlbsan: a QEMU plugin (tests/tlbsan/README.md). QEMU calls two of its names; the rest is hidden.
TLBSAN_SOURCES  := $(wildcard tests/tlbsan/*.cc)
TLBSAN_OBJECTS  := $(TLBSAN_SOURCES:%.cc=$(BUILD)/tlbsan/%.o)
TLBSAN_CXXFLAGS := -std=c++20 -O2 -g -fPIC -fvisibility=hidden -Wall -Wextra -Werror -I.

$(BUILD)/tlbsan/%.o: %.cc tests/tests.mk | setup
	$(call say,HOSTCXX,$@)
	@mkdir -p $(@D)
	$(Q)$(HOST_CXX) $(TLBSAN_CXXFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tlbsan.so: $(TLBSAN_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(HOST_CXX) -shared -o $@ $^ -ldl

-include $(TLBSAN_OBJECTS:.o=.d)

# The kernel's own sequences of barriers and TLBI, compiled as it is, against the litmus tests.
LITMUS_OBJECTS := $(addprefix $(BUILD)/kernel/obj/,tests/litmus/sequences.cc.o arch/aarch64/boot/enable_mmu.S.o)
-include $(BUILD)/kernel/obj/tests/litmus/sequences.cc.d

.PHONY: check-litmus
check-litmus: $(LITMUS_OBJECTS)
	@CROSS=$(CROSS) $(PYTHON) tests/litmus/check_sequences.py $(BUILD)/kernel/obj
