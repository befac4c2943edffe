# The programs that run at EL0, and the archives (newc cpio, given to QEMU with -initrd) that carry
# them. They are ordinary static Linux programs: the same file runs on Linux.
#   build/initramfs.cpio        /bin: one program for each qemu/rootfs/*.c; /etc: qemu/rootfs/etc
#   build/test-initramfs.cpio   the same, and one for each tests/user/*.c

USER_CC     := $(CROSS)gcc
USER_CFLAGS := -std=gnu11 -O2 -static -Wall -Wextra -Werror

ROOTFS_PROGRAMS := $(patsubst qemu/rootfs/%.c,$(BUILD)/rootfs/bin/%,$(wildcard qemu/rootfs/*.c))
TEST_PROGRAMS   := $(patsubst tests/user/%.c,$(BUILD)/user/bin/%,$(wildcard tests/user/*.c))

$(BUILD)/rootfs/bin/%: qemu/rootfs/%.c qemu/rootfs/guide.h qemu/programs.mk | setup
	$(call say,USERCC,$@)
	@mkdir -p $(@D)
	$(Q)$(USER_CC) $(USER_CFLAGS) -o $@ $<

$(BUILD)/user/bin/%: tests/user/%.c $(wildcard tests/user/*.h) qemu/programs.mk | setup
	$(call say,USERCC,$@)
	@mkdir -p $(@D)
	$(Q)$(USER_CC) $(USER_CFLAGS) -o $@ $<

# $(1) programs. The archive is the same, byte for byte, whoever makes it and whenever.
define pack
	$(call say,CPIO,$@)
	@rm -rf $@.root && mkdir -p $@.root/bin && cp -r qemu/rootfs/etc $@.root/etc && chmod -R u=rwX,go=rX $@.root/etc
	@$(foreach program,$(1),cp $(program) $@.root/bin/ &&) true
	@find $@.root -exec touch -h -d @0 {} +
	@cd $@.root && find . | LC_ALL=C sort | cpio --quiet --reproducible -R 0:0 -o -H newc >../$(notdir $@)
	@rm -rf $@.root
endef

$(BUILD)/programs.txt: FORCE
	@mkdir -p $(@D)
	@echo '$(ROOTFS_PROGRAMS) $(TEST_PROGRAMS)' | cmp -s - $@ || echo '$(ROOTFS_PROGRAMS) $(TEST_PROGRAMS)' >$@

$(BUILD)/initramfs.cpio: $(ROOTFS_PROGRAMS) $(BUILD)/programs.txt $(wildcard qemu/rootfs/etc/*) qemu/programs.mk | setup
	$(call pack,$(ROOTFS_PROGRAMS))

$(BUILD)/test-initramfs.cpio: $(ROOTFS_PROGRAMS) $(TEST_PROGRAMS) $(BUILD)/programs.txt $(wildcard qemu/rootfs/etc/*) qemu/programs.mk | setup
	$(call pack,$(ROOTFS_PROGRAMS) $(TEST_PROGRAMS))

.PHONY: initramfs test-initramfs
initramfs: $(BUILD)/initramfs.cpio
test-initramfs: $(BUILD)/test-initramfs.cpio
