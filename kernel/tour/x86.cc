// SPDX-License-Identifier: MIT
/// The end of the tour: how far a process and the kernel reach (F4), and this kernel beside x86
/// (G).
#include <arch/probe.h>
#include <arch/registers.h>
#include <arch/translate.h>

#include <optional>

#include "kernel/init/system.h"
#include "kernel/tour/pages.h"
#include "mm/image.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/kmap.h"
#include "mm/kernel/vmalloc.h"
#include "mm/layout/compare.h"
#include "mm/slab/kmalloc.h"
#include "mm/user/address_space.h"

namespace meridian {
namespace {

/// What each layout is known by: the one place in the tour where addresses are typed, since they
/// are the promise that is checked.
struct Promise {
  std::string_view layout;
  u64 user_end, hole_first, hole_last;
  u64 direct_map, vmalloc, image;  // vmalloc: with as much RAM as the direct map can hold
};
constexpr Promise kPromises[] = {
    {"arm64", 0x0001'0000'0000'0000, 0x0001'0000'0000'0000, 0xfffe'ffff'ffff'ffff,
     0xffff'0000'0000'0000, 0xffff'8000'0800'0000, 0xffff'8000'0800'0000},
    {"arm64-39", 0x0000'0080'0000'0000, 0x0000'0080'0000'0000, 0xffff'ff7f'ffff'ffff,
     0xffff'ff80'0000'0000, 0xffff'ffc0'0800'0000, 0xffff'ffc0'0800'0000},
    {"x86-64", 0x0000'8000'0000'0000, 0x0000'8000'0000'0000, 0xffff'7fff'ffff'ffff,
     0xffff'8880'0000'0000, 0xffff'c900'0000'0000, 0xffff'ffff'8100'0000},
    {"i386", 0xc000'0000, 0x0001'0000'0000, 0xffff'ffff'bfff'ffff, 0xffff'ffff'c000'0000,
     0xffff'ffff'f880'0000, 0xffff'ffff'c000'0000},
    {"i386-6.1", 0xc000'0000, 0x0001'0000'0000, 0xffff'ffff'bfff'ffff, 0xffff'ffff'c000'0000,
     0xffff'ffff'f77f'e000, 0xffff'ffff'c000'0000},
};

/// Of the layout that runs; if there is none, a requirement that fails.
const Promise* require_promise(Evidence& e) {
  for (const Promise& promise : kPromises)
    if (current_layout().name == promise.layout) return &promise;
  e.require(false, "the layout that runs is one of those that are promised");
  return nullptr;
}

/// One page at the very top of what a process has.
Result<AddressSpace> space_with_page(UserAddr page) {
  AddressSpace space = TRY(AddressSpace::create());
  TRY(space.map_new({page, kPageSize}, kUserData));
  return space;
}

/// False if it does not reach its own stack: then no program can run.
bool process_reaches(Evidence& e, const Promise& promise) {
  const UserAddr end(current_layout().user_end());
  e.show("layout {}: a process has the addresses below {:016x}, {}", promise.layout, end.value(),
         Bytes{end.value()});
  e.require(end.value() == promise.user_end, "that many were promised");
  Result<AddressSpace> space = space_with_page(end - kPageSize);
  if (!e.require_value(space, "its highest page gets a frame")) return false;
  const ActiveSpace active(space.value());
  const VirtAddr last(end.value() - 1);
  const bool stored = arch::probe_user_store(last, 1, 0x5a).ok;
  const arch::ProbeResult loaded = arch::probe(last, arch::ProbeKind::user_load);
  const bool reached = stored && loaded.ok && loaded.value == 0x5a;
  e.require(reached, "with EL0's rights, its last byte is written and read");

  const Result<void> beyond = space.value().map_new({end, kPageSize}, kUserData);
  const bool refused = !beyond.has_value() && beyond.error().code == Errc::bad_range;
  e.show("the page at {:016x}: {}", end.value(),
         beyond.has_value() ? "mapped" : name_of(beyond.error().code));
  e.require(refused, "the next page is refused: no process has it");
  e.require(!arch::probe(last + 1, arch::ProbeKind::user_load).ok, "and a load there faults");
  return reached;
}

/// Reads `frame` at the address that the kernel has for it, and asks the MMU what is there.
bool kernel_reaches(Evidence& e, const char* which, Frame frame) {
  const Result<Kmap> window = Kmap::of(frame);
  if (!e.require_value(window, "an address for a frame of RAM")) return false;
  const VirtAddr va = VirtAddr::of(window.value().pointer());
  const bool read = arch::probe(va, arch::ProbeKind::load8).ok;
  const Result<PhysAddr> mmu = arch::at_translate(va, arch::Access::read, arch::El::el1);
  e.show("{:<6} {} at {} ({})", which, frame.address(), va, current_layout().region_of(va).name);
  return read && mmu.has_value() && mmu.value() == frame.address();
}

void everybody_reaches(Evidence& e) {
  const Promise* promise = require_promise(e);
  if (promise == nullptr) return;
  if (process_reaches(e, *promise)) require_program_reaches(e, promise->user_end);
  bool all = true;
  for (const PhysRange& bank : the_system().memory.banks()) {
    const Frame first(bank.start());
    const u64 count = bank.size() >> kPageShift;
    all &= kernel_reaches(e, "first", first);
    all &= kernel_reaches(e, "last", first + (count - 1));
    all &= kernel_reaches(e, "random", somewhere_in({first, count}));
  }
  e.require(all,
            "the kernel reads the first, the last and any frame of RAM, where the MMU says so");
}

/// The column of `compare` that runs.
const Column* live_column() {
  for (const Column& column : compared_columns())
    if (column.layout != nullptr && current_layout().name == column.name) return &column;
  return nullptr;
}

/// Is the region what compare prints? vmalloc's start, and what is before it, may follow RAM.
bool is_as_compared(const Layout& compared, RegionKind kind) {
  const Region *live = current_layout().find(kind), *printed = compared.find(kind);
  if (live == nullptr || printed == nullptr) return live == printed;
  const bool moves = compared.vmalloc_start == VmallocStart::follows_ram;
  const bool first = live->first == printed->first || (moves && kind == RegionKind::vmalloc);
  const bool last = live->last == printed->last || (moves && kind == RegionKind::linear);
  return first && last;
}

/// Something of the kernel's, and the region where the layout has such things.
bool lies_in(Evidence& e, const char* what, VirtAddr va, RegionKind kind) {
  const Region& region = current_layout().region_of(va);
  const Result<PhysAddr> mmu = arch::at_translate(va, arch::Access::read, arch::El::el1);
  if (!e.require_value(mmu, "the MMU translates it")) return false;
  e.show("{:<12} {} in \"{}\": AT says {}", what, va, region.name, mmu.value());
  return region.kind == kind;
}

RegionKind image_region() {
  if (current_layout().find(RegionKind::image) != nullptr) return RegionKind::image;
  const bool linear = current_layout().image_place == ImagePlace::in_linear_map;
  return linear ? RegionKind::linear : RegionKind::vmalloc;
}
RegionKind frame_table_region() {
  const bool own = current_layout().find(RegionKind::frame_table) != nullptr;
  return own ? RegionKind::frame_table : RegionKind::linear;
}

/// The fixmap has nothing mapped for long: a page for this look.
bool fixmap_lies_in_its_region(Evidence& e, Frame frame) {
  const Result<VirtAddr> va =
      fixmap_set(FixSlot::scratch, {frame.address(), kPageSize}, kKernelData);
  if (!e.require_value(va, "a page in the fixmap")) return false;
  const bool there = lies_in(e, "fixmap", va.value(), RegionKind::fixmap);
  fixmap_clear(FixSlot::scratch);
  return there;
}

/// An object of each kind that the kernel has.
bool all_lie_in_their_regions(Evidence& e) {
  const Result<void*> object = kmalloc(kPageSize);
  if (!e.require_value(object, "kmalloc(4 KiB)")) return false;
  const Holding<kfree> first(object.value());
  const Result<void*> area = vmalloc(kPageSize);
  if (!e.require_value(area, "vmalloc(4 KiB)")) return false;
  const Holding<vfree> second(area.value());

  const VirtAddr linear = VirtAddr::of(object.value());
  const Frame frame = Frame::containing(linear_map.to_phys(linear).value());
  const VirtAddr stack = VirtAddr::of(&linear);
  bool all = lies_in(e, "image", image_text().start(), image_region());
  all &= lies_in(e, "linear map", linear, RegionKind::linear);
  all &= lies_in(e, "vmalloc", VirtAddr::of(area.value()), RegionKind::vmalloc);
  all &= fixmap_lies_in_its_region(e, frame);
  all &= lies_in(e, "frame table", VirtAddr::of(&frame_info(frame)), frame_table_region());
  all &= lies_in(e, "stack", stack,
                 boot_stack().contains(stack) ? image_region() : RegionKind::vmalloc);
  return all;
}

void compared_with_the_machine(Evidence& e) {
  const Column* column = live_column();
  if (!e.require(column != nullptr, "compare has a column for what runs here")) return;
  const Layout& compared = *column->layout;
  const arch::Tcr tcr = arch::tcr();
  e.show("{}: compare says {} and {} bits; TCR_EL1 says T0SZ {}, T1SZ {}", column->name,
         compared.user_bits, compared.kernel_bits, 64 - tcr.user_bits(), 64 - tcr.kernel_bits());
  e.require(tcr.user_bits() == compared.user_bits && tcr.kernel_bits() == compared.kernel_bits,
            "TCR_EL1 makes the halves that compare prints");
  const Level first = arch::kernel_geometry().first_level();
  const unsigned levels = number_of(Level::L3) + 1 - number_of(first);
  e.show("the kernel half is walked in {} levels, from L{}; compare says {}", levels,
         number_of(first), column->split.depth());
  e.require(levels == column->split.depth(), "in as many levels as compare prints");

  bool same = true;
  using enum RegionKind;
  for (const RegionKind kind : {user, hole, linear, vmalloc, image, fixmap, pkmap, frame_table})
    same &= is_as_compared(compared, kind);
  e.require(same, "the regions are where compare prints them");
  e.require(all_lie_in_their_regions(e), "and what the kernel uses lies in them");
}

/// One load at `va` must fault as an address that no table was read for.
bool faults_as_hole(Evidence& e, u64 va) {
  const arch::ProbeResult probed = arch::probe(VirtAddr(va), arch::ProbeKind::load8);
  if (probed.ok || probed.refused) {
    e.show("{:016x}: no fault", va);
    return false;
  }
  e.show("{}", probed.fault);
  return probed.fault.kind() == arch::FaultKind::translation && probed.fault.level() == 0;
}

void require_hole(Evidence& e, const Promise& promise) {
  const bool first = faults_as_hole(e, promise.hole_first);
  const bool last = faults_as_hole(e, promise.hole_last);
  e.require(first && last, "both edges of the promised hole fault, without a walk");
  Result<AddressSpace> space = space_with_page(UserAddr(promise.user_end - kPageSize));
  if (!e.require_value(space, "the last page of user space")) return;
  const ActiveSpace active(space.value());
  const bool below = arch::probe(VirtAddr(promise.user_end - 1), arch::ProbeKind::user_load).ok;
  const bool above = arch::probe(VirtAddr(promise.direct_map), arch::ProbeKind::load8).ok;
  e.require(below && above, "the last user byte and the first byte of RAM do not");
}

void require_image(Evidence& e, const Promise& promise) {
  const VirtRange image = image_range();
  const PhysAddr load = image_phys().start();
  e.show("one image: linked at {:016x}, loaded at {}, runs at {}", kImageLinkBase, load,
         image.start());
  const bool linear = current_layout().image_place == ImagePlace::in_linear_map;
  const u64 block = linear ? 1_GiB : 2_MiB;
  e.require(image.start().value() == promise.image + (load.value() & (block - 1)),
            linear ? "it runs at its linear address" : "it runs in the promised 2 MiB, as loaded");
}

void require_vmalloc(Evidence& e, const Promise& promise) {
  const Region& region = current_layout().region(RegionKind::vmalloc);
  const u64 high_memory = linear_map.virt().end().value();
  const bool follows = current_layout().vmalloc_start == VmallocStart::follows_ram;
  const bool above_ram = region.first == high_memory + 8_MiB && region.first <= promise.vmalloc;
  e.show("direct map at {}, vmalloc at {:016x}", linear_map.virt().start(), region.first);
  e.require(follows ? above_ram : region.first == promise.vmalloc,
            follows ? "vmalloc begins 8 MiB above RAM" : "vmalloc begins where it was promised");
  const Result<void*> area = vmalloc(kPageSize);
  if (!e.require_value(area, "vmalloc(4 KiB)")) return;
  const Holding<vfree> holding(area.value());
  e.require(region.contains(VirtAddr::of(area.value())), "and an area lies there");
}

void same_image_other_layout(Evidence& e) {
  const Promise* promise = require_promise(e);
  if (promise == nullptr) return;
  const arch::Tcr tcr = arch::tcr();
  e.show("layout {}: T0SZ {}, T1SZ {}; walks start at L{} and L{}", promise->layout,
         64 - tcr.user_bits(), 64 - tcr.kernel_bits(),
         number_of(arch::user_geometry().first_level()),
         number_of(arch::kernel_geometry().first_level()));
  require_image(e, *promise);
  e.require(linear_map.virt().start().value() == promise->direct_map,
            "the direct map begins where it was promised");
  require_vmalloc(e, *promise);
  require_hole(e, *promise);
}

constexpr TourStop kStops[] = {
    {"F4", "A process reaches what its half holds, 3 GiB to 256 TiB; the kernel reaches all of RAM",
     everybody_reaches},
    {"G1", "Beside x86: what compare prints of this layout is what the machine does",
     compared_with_the_machine},
    {"G2", "The same kernel image runs under the layouts of arm64, x86-64 and i386",
     same_image_other_layout},
};

}  // namespace

std::span<const TourStop> x86_stops() { return kStops; }

}  // namespace meridian
