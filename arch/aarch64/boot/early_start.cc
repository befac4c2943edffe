// SPDX-License-Identifier: MIT
/// What happens with the MMU off, in order: look at what the loader gave us, decide where the image
/// will run, relocate it, map it. Then entry.S switches the MMU on.
#include <arch/machine.h>

#include "arch/aarch64/boot/boot.h"
#include "arch/aarch64/hw/cache.h"
#include "arch/aarch64/hw/sysreg.h"
#include "arch/aarch64/regs/id_mmfr.h"
#include "arch/aarch64/virt/pl011.h"
#include "kernel/lib/command_line_word.h"
#include "mm/image.h"

namespace meridian::arch {
namespace {

/// A loader that starts the ELF file itself puts nothing in x0. QEMU then leaves the tree at the
/// start of RAM, which is on a GiB like everything this machine has: look there, on our own GiB.
PhysAddr tree_address(u64 x0) {
  if (x0 != 0) return PhysAddr(x0);
  const PhysAddr start = PhysAddr(VirtAddr::of(__image_start).value()).align_down(1_GiB);
  return glance_at_tree(start).has_value() ? start : PhysAddr(0);
}

[[noreturn]] void stop_without_tree(Error error, PhysAddr tree) {
  if (tree.value() == 0) early_stop("the loader gave no device tree (x0 = 0)");
  switch (error.code) {
    case Errc::not_aligned:
      early_stop("the device tree's address is not a multiple of 8", tree.value());
    case Errc::bad_format:
      early_stop("there is no device tree where x0 points", tree.value());
    case Errc::too_large:
      early_stop("the device tree is larger than 2 MiB", error.about);
    default:
      early_stop("the device tree is shorter than its own header", error.about);
  }
}

/// What layout= asks for. Whoever reads the whole command line later complains about a wrong name.
LayoutId wanted_layout(std::string_view bootargs) {
  const std::optional<std::string_view> name = command_line_value(bootargs, "layout");
  return layout_named(name.value_or("")).value_or(LayoutId::arm64);
}

void look_at_tree(u64 x0) {
  const PhysAddr tree = tree_address(x0);
  const Result<TreeGlance> glance =
      tree.value() != 0 ? glance_at_tree(tree) : Error{Errc::not_found};
  if (!glance.has_value()) stop_without_tree(glance.error(), tree);

  boot_info.tree_phys = {tree, glance.value().size};
  boot_info.uart_in_tree = glance.value().has_uart;
  boot_info.uart_phys = glance.value().has_uart ? glance.value().uart : PhysAddr(kLastResortUart);
  boot_info.layout = wanted_layout(glance.value().bootargs);
}

void place_image() {
  const PhysRange here(PhysAddr(VirtAddr::of(__image_start).value()), image_range().size());
  // The boot stack's place in its block tells an overflow, so it must be the same wherever we run.
  if (!here.start().is_aligned(2 * kKernelStackSize))
    early_stop("the image is not on a multiple of 32 KiB", here.start().value());
  boot_info.image_phys = here;
  const Layout& layout = layout_of(boot_info.layout);
  boot_info.image = layout.image_address(here.start());
  const Region& region = layout.region_of(boot_info.image);
  if (!region.contains(boot_info.image + (here.size() - 1)))
    early_stop("the layout has no room for the image where it was loaded", here.start().value());
  mmu_setup.offset = boot_info.image.value() - here.start().value();
  set_image_phys(here.start());
  relocate_image(boot_info.image);
}

/// All that was written so far went around the caches. Lines that they hold of it from before would
/// be what we read once they are on. (The boot protocol says that none is dirty: writing them back
/// first changes nothing.)
void forget_stale_lines() {
  const VirtRange written = VirtRange::between(image_rodata().start(), image_range().end());
  hw::clean_and_invalidate(written);
}

}  // namespace

const MmuSetup* early_start(u64 x0, u64 entry_level) {
  boot_info.entry_level = static_cast<unsigned>(entry_level);
  look_at_tree(x0);
  const IdAa64Mmfr0 id(hw::read_id_aa64mmfr0_el1());
  if (id.support(Granule::k4) == GranuleSupport::absent) early_stop("this CPU has no 4 KiB pages");
  place_image();
  const Result<void> mapped = build_early_map();
  if (!mapped.has_value())
    early_stop("the first tables do not fit their pool", mapped.error().about);
  forget_stale_lines();
  return &mmu_setup;
}

}  // namespace meridian::arch
