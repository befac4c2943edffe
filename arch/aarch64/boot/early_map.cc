// SPDX-License-Identifier: MIT
/// The first tables, built with the MMU off by the same mapper that everything later uses. Tables
/// come from a pool in the image and are written through their physical addresses. What is mapped:
/// the image, each part with its own rights; the device tree and the UART in the fixmap; and, in
/// the low half, the one page of code that switches the MMU on.
#include <arch/paging.h>

#include "arch/aarch64/boot/boot.h"
#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "arch/aarch64/regs/mair.h"
#include "arch/aarch64/regs/sctlr.h"
#include "arch/aarch64/regs/tcr.h"
#include "arch/aarch64/regs/ttbr.h"
#include "mm/image.h"
#include "mm/kernel/fixmap.h"
#include "mm/paging/mapper.h"

#pragma GCC visibility push(hidden)
extern "C" char __identity_start[], __identity_end[];
#pragma GCC visibility pop

namespace meridian::arch {

constinit BootInfo boot_info;
constinit MmuSetup mmu_setup;

namespace {

/// Tables for the image (16 MiB at most), the fixmap and the identity map, and for the linear map
/// until it reaches enough RAM to take tables from.
constexpr usize kPoolTables = 48;

struct alignas(kPageSize) Table {
  Descriptor entries[kPageSize / sizeof(Descriptor)];
};
[[gnu::section(".noinit")]] Table pool[kPoolTables];

/// Tables out of the pool, at their physical addresses. None goes back.
class EarlyStore {
 public:
  Result<Frame> allocate_table() {
    FrameRange& frames = boot_info.table_pool;
    u64& used = boot_info.tables_used;
    if (used == frames.count) return Error{Errc::out_of_frames, used};
    const Frame table = frames.first + used++;
    for (usize i = 0; i < std::size(pool->entries); ++i) entries(table)[i] = Descriptor();
    return table;
  }
  void free_table(Frame) {}
  Descriptor* entries(Frame table) {
    return reinterpret_cast<Descriptor*>(table.address().value());
  }
};

/// Nothing is cached while the MMU is off; enable_mmu.S invalidates what firmware left.
struct EarlyTlb {
  void publish() { hw::dsb_ishst(); }
  void invalidate(VirtAddr, u64, u64, TlbScope) {}
  void invalidate_all() {}
  void finish() {}
};

using EarlyMapper = Mapper<Format, EarlyStore, EarlyTlb>;

/// Maps the pages that `part` of the image lies in, at its physical address now, where it will run.
Result<void> map_part(EarlyMapper& kernel, VirtRange part, Attributes attributes) {
  const VirtRange high(part.start() + mmu_setup.offset, part.size());
  return kernel.map(high, Frame(PhysAddr(part.start().value())), attributes, {});
}

Result<void> map_image(EarlyMapper& kernel) {
  TRY(map_part(kernel, image_text(), kKernelText));
  TRY(map_part(kernel, image_rodata(), kKernelRodata));
  TRY(map_part(kernel, image_data(), kKernelData));
  return map_part(kernel, boot_stack(), kKernelData);
}

/// Maps the pages around `what` into a slot of the fixmap; where `what` starts in it.
Result<VirtAddr> map_fixed(EarlyMapper& kernel, VirtRange slot, PhysRange what,
                           Attributes attributes) {
  const u64 into = what.start() - what.start().align_down(kPageSize);
  const VirtAddr va = slot.start() + into;
  const VirtAddr first = va.align_down(kPageSize);
  const u64 size = (va + what.size()).align_up(kPageSize) - first;
  if (!slot.contains({first, size})) return Error{Errc::too_large, size};
  TRY(kernel.map({first, size}, Frame::containing(what.start()), attributes, {}));
  return va;
}

Result<void> map_devices(EarlyMapper& kernel, const Region& fixmap) {
  boot_info.tree = TRY(map_fixed(kernel, fixmap_range(fixmap, FixSlot::device_tree),
                                 boot_info.tree_phys, kKernelRodata));
  boot_info.uart = TRY(map_fixed(kernel, fixmap_range(fixmap, FixSlot::console),
                                 {boot_info.uart_phys, kPageSize}, kDeviceRegisters));
  return {};
}

/// The code in .text.identity where it lies now, executable, and nothing else.
Result<void> map_identity(Frame root, const Geometry& geometry, EarlyStore& store) {
  const VirtAddr page = VirtAddr::of(__identity_start).align_down(kPageSize);
  EarlyMapper identity(root, geometry, store, EarlyTlb());
  Attributes attributes = kKernelText;
  attributes.global = false;  // so that nothing of the low half outlives its ASID
  return identity.map({page, kPageSize}, Frame(PhysAddr(page.value())), attributes, {});
}

}  // namespace

Result<void> build_early_map() {
  const Layout& layout = layout_of(boot_info.layout);
  boot_info.table_pool = {Frame(PhysAddr(reinterpret_cast<u64>(pool))), kPoolTables};
  boot_info.tables_used = 0;
  EarlyStore store;
  boot_info.kernel_root = TRY(store.allocate_table());
  boot_info.empty_root = TRY(store.allocate_table());
  const Frame identity_root = TRY(store.allocate_table());

  const Tcr tcr = Tcr::for_layout(layout, IdAa64Mmfr0(hw::read_id_aa64mmfr0_el1()));
  const Geometry low = tcr.geometry(Half::low), high = tcr.geometry(Half::high);
  EarlyMapper kernel(boot_info.kernel_root, high, store, EarlyTlb());
  TRY(map_image(kernel));
  TRY(map_devices(kernel, layout.region(RegionKind::fixmap)));
  TRY(map_identity(identity_root, low, store));

  mmu_setup.mair = kMair.raw();
  mmu_setup.tcr = tcr.raw();
  mmu_setup.ttbr0 = Ttbr(identity_root, 0).raw();
  mmu_setup.ttbr1 = Ttbr(boot_info.kernel_root, 0).raw();
  mmu_setup.sctlr = Sctlr::for_kernel(IdAa64Mmfr1(hw::read_id_aa64mmfr1_el1())).raw();
  mmu_setup.empty_root = Ttbr(boot_info.empty_root, 0).raw();
  return {};
}

}  // namespace meridian::arch
