# The kernel's two images, from the same sources:
#   build/kernel/{meridian.elf,Image}   what people run
#   build/test/{meridian.elf,Image}     the same, and the tests of tests/kernel inside it
# The ELF file has the symbols; Image is what QEMU boots, the ELF's contents with nothing around.

IMAGES := kernel test

KERNEL_CXX := $(CROSS)g++
OBJCOPY    := $(CROSS)objcopy

# Every source under the three folders belongs to the kernel, but for the one that is only compiled
# to read constants from.
ASM_OFFSETS    := arch/aarch64/asm_offsets.cc
sources_under   = $(sort $(shell find $(1) -name '*.cc' -o -name '*.S' 2>/dev/null))
KERNEL_SOURCES := $(filter-out $(ASM_OFFSETS),$(call sources_under,arch/aarch64 mm kernel))
TEST_SOURCES   := $(call sources_under,tests/kernel)

# Code outside arch/aarch64/boot that also runs before the image has relocated itself.
# tests/check_elf.py sees to it that none of it needs an absolute address.
EARLY_SOURCES := kernel/lib/command_line_word.cc kernel/lib/parse.cc

# Hosted compiler, freestanding code: nothing of Debian's Linux defaults may be left. Without unwind tables in the
# image, -g puts them among what debuggers read (.debug_frame).
CODE_FLAGS := -std=c++20 -ffreestanding -fno-exceptions -fno-rtti -fno-threadsafe-statics \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-stack-protector -fno-omit-frame-pointer -O2 -g
MACHINE_FLAGS := -march=armv8-a -mgeneral-regs-only -mno-outline-atomics -mstrict-align
# The image must run at any address: it relocates itself, and nothing may bind to another module.
PIE_FLAGS := -fPIE -fvisibility=hidden
WARN_FLAGS := -Wall -Wextra -Wconversion -Wswitch -Wshadow -Wframe-larger-than=1024 -Werror

INCLUDE_FLAGS := -I. -Iarch/aarch64/include
KERNEL_CXXFLAGS := $(CODE_FLAGS) $(MACHINE_FLAGS) $(PIE_FLAGS) $(WARN_FLAGS) $(INCLUDE_FLAGS)
KERNEL_LDFLAGS := -nostdlib -static-pie -Wl,--no-dynamic-linker -Wl,-z,text -Wl,-Bsymbolic \
	-Wl,-z,max-page-size=4096 -Wl,--build-id=none -Wl,--fatal-warnings

flags_kernel :=
flags_test   := -DMERIDIAN_TESTS=1

sources_kernel := $(KERNEL_SOURCES)
sources_test   := $(KERNEL_SOURCES) $(TEST_SOURCES)

# Each image's build/X/include/first.h.gch holds linker/first.h, compiled once: the headers of the C++ library
# that many sources include, which take most of the time of compiling one. A pragma is not among what it keeps, so
# hidden.h follows it. So that none forgets to include what it uses, `make includes` compiles all without.
WITH_FIRST    := -include first.h -Winvalid-pch -fpch-preprocess
HIDDEN        := -include linker/hidden.h

# Objects are made anew when the way to make them changes.
KERNEL_RECIPE := Makefile linker/kernel.mk

# $(1) is the image: kernel or test.
define image_rules
objects_$(1)  := $$(patsubst %,$(BUILD)/$(1)/obj/%.o,$$(sources_$(1)))
offsets_$(1)  := $(BUILD)/$(1)/include/generated/asm_offsets.h
compile_$(1)  := $(KERNEL_CXX) $(KERNEL_CXXFLAGS) $$(flags_$(1)) -I$(BUILD)/$(1)/include

# C++ constants for assembly and the linker script. asm_offsets.cc is compiled to assembly, where
# each constant is a line `.ascii "->NAME value"`, and each such line becomes a #define.
$$(offsets_$(1)): $(wildcard $(ASM_OFFSETS)) $(KERNEL_RECIPE) | setup
	$$(call say,OFFSETS,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(compile_$(1)) $(HIDDEN) -MMD -MP -MT $$@ -MF $$@.d -S -o $$@.s $(or $(wildcard $(ASM_OFFSETS)),-x c++ /dev/null)
	@echo '/* Generated from $(ASM_OFFSETS). */' >$$@
	@sed -nE 's/^[[:space:]]*\.ascii[[:space:]]+"->([A-Za-z0-9_]+) [$$$$#]*([^"[:space:]]+).*/#define \1 \2/p' \
		$$@.s >>$$@

$(BUILD)/$(1)/include/first.h.gch: linker/first.h $(KERNEL_RECIPE) | setup
	$$(call say,CXX,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(compile_$(1)) -MMD -MP -MF $$@.d -x c++-header -o $$@ $$<

$(BUILD)/$(1)/obj/%.cc.o: %.cc $(BUILD)/$(1)/include/first.h.gch $(KERNEL_RECIPE) | setup $$(offsets_$(1))
	$$(call say,CXX,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(compile_$(1)) $(WITH_FIRST) $(HIDDEN) -MMD -MP -c -o $$@ $$<

$(BUILD)/$(1)/obj/%.S.o: %.S $(KERNEL_RECIPE) | setup $$(offsets_$(1))
	$$(call say,AS,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(compile_$(1)) -MMD -MP -x assembler-with-cpp -c -o $$@ $$<

$(BUILD)/$(1)/kernel.ld: linker/kernel.ld.S $(KERNEL_RECIPE) | setup $$(offsets_$(1))
	$$(call say,CPP,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(compile_$(1)) -MMD -MP -MT $$@ -MF $$@.d -x assembler-with-cpp -E -P -o $$@ $$<

# The names of the objects: it changes when a source comes or goes, and then the image is linked.
$(BUILD)/$(1)/objects.txt: FORCE
	@mkdir -p $$(@D)
	@echo '$$(objects_$(1))' | cmp -s - $$@ || echo '$$(objects_$(1))' >$$@

# Linked twice: backtraces need a table of the functions' places, which are known after the first
# time. The table stands behind the code, so it moves none of it; that is checked.
link_$(1) = $(KERNEL_CXX) $(MACHINE_FLAGS) $(KERNEL_LDFLAGS) -Wl,-T,$(BUILD)/$(1)/kernel.ld @$(BUILD)/$(1)/objects.txt

$(BUILD)/$(1)/nameless.elf: $$(objects_$(1)) $(BUILD)/$(1)/kernel.ld $(BUILD)/$(1)/objects.txt
	$$(call say,LINK,$$@)
	$$(Q)$$(link_$(1)) -o $$@

$(BUILD)/$(1)/symbols.S: $(BUILD)/$(1)/nameless.elf linker/symbols.py
	$$(call say,SYMBOLS,$$@)
	$$(Q)CROSS=$(CROSS) $(PYTHON) linker/symbols.py $$< $$@

$(BUILD)/$(1)/meridian.elf: $(BUILD)/$(1)/symbols.S
	$$(call say,LINK,$$@)
	$$(Q)$$(link_$(1)) $$< -o $$@
	$$(Q)CROSS=$(CROSS) $(PYTHON) linker/symbols.py --check $$@ $(BUILD)/$(1)/nameless.elf

$(BUILD)/$(1)/Image: $(BUILD)/$(1)/meridian.elf
	$$(call say,IMAGE,$$@)
	$$(Q)$(OBJCOPY) -O binary $$< $$@

-include $$(objects_$(1):.o=.d) $(BUILD)/$(1)/include/first.h.gch.d $$(offsets_$(1)).d $(BUILD)/$(1)/kernel.ld.d
endef
$(foreach image,$(IMAGES),$(eval $(call image_rules,$(image))))

.PHONY: kernel test-kernel compile-commands includes FORCE
kernel: $(BUILD)/kernel/Image
test-kernel: $(BUILD)/test/Image
compile-commands: $(BUILD)/compile_commands.json
includes: $(patsubst %,includes/%,$(filter %.cc,$(sources_test)))

# A source by itself, every header read where it is included; nothing is made.
includes/%: % | setup $(offsets_test)
	$(call say,CHECK,$<)
	$(Q)$(compile_test) $(HIDDEN) -fsyntax-only $<

# What editors and clang tools read. Every file of the test image (it has them all), then
# asm_offsets.cc, which is last because JSON has no comma after the last element.
compile_command = {"directory":"$(CURDIR)","file":"$(1)","command":"$(compile_test) $(if $(filter %.S,$(1)),-x assembler-with-cpp,$(HIDDEN)) -c $(1)"}
$(BUILD)/compile_commands.json: $(KERNEL_RECIPE) $(BUILD)/test/objects.txt
	$(file >$@,[)
	$(foreach source,$(sources_test),$(file >>$@,$(call compile_command,$(source)),))
	$(file >>$@,$(call compile_command,$(ASM_OFFSETS))])
	@:
