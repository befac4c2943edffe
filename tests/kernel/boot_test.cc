// SPDX-License-Identifier: MIT
/// What boot must leave behind: no way into the low half, stacks with guards, everything that is in
/// use kept out of the allocators' hands.
#include <arch/paging.h>
#include <arch/probe.h>

#include "kernel/init/system.h"
#include "mm/frames/frames.h"
#include "mm/image.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/linear_map.h"
#include "tests/kernel/expect_fault.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

using arch::probe;
using arch::ProbeKind;

const BootInfo& boot() { return the_system().boot; }

VirtAddr at_physical_address(PhysAddr pa) { return VirtAddr(pa.value()); }

KERNEL_TEST(boot, TheIdentityMapIsGone) {
  for (u64 offset = 0; offset < image_text().size(); offset += kPageSize) {
    const VirtAddr low = at_physical_address(image_phys().start()) + offset;
    EXPECT_FAULT(probe(low, ProbeKind::load8), translation, read, low);
    EXPECT_FAULT(probe(low, ProbeKind::execute), translation, execute, low);
  }
}

KERNEL_TEST(boot, TheRootForNoProgramIsEmptyAndInUse) {
  EXPECT_TRUE(arch::user_root().table == boot().empty_root);
  const u64* words = linear_map.pointer<const u64>(boot().empty_root);
  for (u64 i = 0; i < kPageSize / sizeof(u64); ++i) ASSERT_EQ(words[i], 0u);
}

KERNEL_TEST(boot, TheImageRunsWhereItsLoadAddressSays) {
  EXPECT_EQ(image_range().start(), boot().image);
  const u64 load = image_phys().start().value();
  const bool is_linear = current_layout().image_place == ImagePlace::in_linear_map;
  const u64 into = load & (is_linear ? 0x3fff'ffff : 0x1f'ffff);  // its GiB, or its 2 MiB block
  EXPECT_EQ(boot().image.value(), current_layout().image_base + into);
}

KERNEL_TEST(boot, NoPartOfTheImageHasMoreRightsThanItNeeds) {
  const VirtAddr text = image_text().start(), rodata = image_rodata().start();
  EXPECT_TRUE(probe(text, ProbeKind::load8).ok);
  EXPECT_FAULT(probe(text, ProbeKind::store), permission, write, text);
  EXPECT_FAULT(probe(rodata, ProbeKind::store), permission, write, rodata);
  EXPECT_FAULT(probe(rodata, ProbeKind::execute), permission, execute, rodata);
  const VirtAddr data = image_data().start();
  EXPECT_TRUE(probe(data, ProbeKind::store).ok);
  EXPECT_FAULT(probe(data, ProbeKind::execute), permission, execute, data);
}

KERNEL_TEST(boot, TheLinearMapGivesNoWayAroundThoseRights) {
  for (VirtRange part : {image_text(), image_rodata()}) {
    const Result<PhysAddr> pa = image_to_phys(part.start());
    ASSERT_OK(pa);
    const Result<VirtAddr> alias = linear_map.to_virt(pa.value());
    ASSERT_OK(alias);
    EXPECT_TRUE(probe(alias.value(), ProbeKind::load8).ok);
    EXPECT_FAULT(probe(alias.value(), ProbeKind::store), permission, write, alias.value());
    // Where the image runs in the linear map, text is no alias, but itself.
    if (alias.value() == image_text().start()) continue;
    EXPECT_FAULT(probe(alias.value(), ProbeKind::execute), permission, execute, alias.value());
  }
}

KERNEL_TEST(boot, ThePageBelowTheBootStackFaults) {
  const VirtAddr below = boot_stack().start() - 1;
  EXPECT_FAULT(probe(below, ProbeKind::load8), translation, read, below);
  EXPECT_FAULT(probe(below.align_down(kPageSize), ProbeKind::load8), translation, read,
               below.align_down(kPageSize));
  EXPECT_TRUE(probe(boot_stack().start(), ProbeKind::load8).ok);
}

KERNEL_TEST(boot, TheDeviceTreeIsThereToReadAndNoMore) {
  const VirtAddr tree = boot().tree;
  EXPECT_TRUE(probe(tree, ProbeKind::load8).ok);
  EXPECT_FAULT(probe(tree, ProbeKind::store), permission, write, tree);
  EXPECT_FAULT(probe(tree, ProbeKind::execute), permission, execute, tree);
  EXPECT_TRUE(fixmap_range(FixSlot::device_tree).contains({tree, boot().tree_phys.size()}));
}

KERNEL_TEST(boot, WhatBootUsesIsNobodyElsesToGet) {
  const System& system = the_system();
  for (PhysRange used : {boot().image_phys, boot().tree_phys, system.machine.initrd}) {
    if (used.is_empty()) continue;
    for (Frame frame : {Frame::containing(used.start()), Frame::containing(used.last())}) {
      EXPECT_TRUE(system.memory.is_reserved(frame));
      EXPECT_TRUE(frame_state(frame).owner == FrameOwner::reserved);
    }
  }
}

KERNEL_TEST(boot, TheInitramfsIsReadThroughTheLinearMap) {
  const System& system = the_system();
  if (system.initramfs.empty()) SKIP_TEST("started without an initramfs");
  EXPECT_EQ(system.initramfs.size(), system.machine.initrd.size());
  const Result<PhysAddr> pa = linear_map.to_phys(VirtAddr::of(system.initramfs.data()));
  ASSERT_OK(pa);
  EXPECT_EQ(pa.value(), system.machine.initrd.start());
}

KERNEL_TEST(boot, AnAddressOutsideTheImageHasNoImagePhysicalAddress) {
  EXPECT_ERROR(image_to_phys(image_range().end()), Errc::not_linear);
  EXPECT_ERROR(image_to_phys(image_range().start() - 1), Errc::not_linear);
  EXPECT_ERROR(image_to_phys(VirtAddr(0)), Errc::not_linear);
  EXPECT_OK(image_to_phys(image_range().last()));
}

}  // namespace
}  // namespace meridian
