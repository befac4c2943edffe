// SPDX-License-Identifier: MIT
/// The stages that bring memory up: what there is, the linear map over it, the allocators on it.
#include <arch/machine.h>
#include <arch/memory.h>
#include <arch/paging.h>
#include <arch/tlb.h>

#include "kernel/init/stages.h"
#include "kernel/log/log.h"
#include "mm/frames/frames.h"
#include "mm/image.h"
#include "mm/kernel/ioremap.h"
#include "mm/kernel/kernel_space.h"
#include "mm/kernel/linear_map_build.h"
#include "mm/kernel/vmalloc.h"

namespace meridian {
namespace {

/// With less, some stage of boot or the first program finds no memory.
constexpr u64 kLeastRam = 16_MiB;

/// What makes no sense is left out and said, not fatal: RAM that is left may do.
void report(std::string_view what, PhysRange range, const Result<void>& result) {
  if (!result.has_value())
    log("memory", "{} at {} ({}) is left out: {}", what, range.start(), Bytes{range.size()},
        name_of(result.error().code));
}

void reserve(MemoryMap& memory, PhysRange range, std::string_view name) {
  // Memory that somebody needs and we cannot keep away from would be given out: that must not be.
  const Result<void> reserved = memory.reserve(range, name);
  if (!reserved.has_value())
    stop_boot("cannot keep {} at {} reserved: {}", name, range.start(),
              name_of(reserved.error().code));
}

u64 bytes_of_ram(const MemoryMap& memory) {
  u64 bytes = 0;
  for (const PhysRange& bank : memory.banks()) bytes += bank.size();
  return bytes;
}

u64 bytes_beyond(const MemoryMap& memory, PhysAddr end) {
  u64 bytes = 0;
  for (const PhysRange& bank : memory.banks())
    if (bank.end() > end) bytes += bank.end() - (bank.contains(end) ? end : bank.start());
  return bytes;
}

/// From the first byte of RAM to the last, holes included.
PhysRange ram_span(const MemoryMap& memory) {
  return PhysRange::between(memory.banks().front().start(), memory.banks().back().end());
}

/// Where tables come from while the linear map grows: the pool in the image first, then frames of
/// the RAM that is mapped already. Tables of the pool are reached through the image, whose linear
/// addresses may not be there yet.
class BootTables {
 public:
  BootTables(BootInfo& boot, EarlyFrames& frames) : boot_(boot), frames_(frames) {}

  Result<Frame> allocate_table() {
    const bool from_pool = boot_.tables_used < boot_.table_pool.count;
    const Frame table =
        from_pool ? boot_.table_pool.first + boot_.tables_used++ : TRY(frames_.alloc());
    arch::clear_page(entries(table));
    return table;
  }
  /// A request that failed ends the boot: nothing is kept for the next one.
  void free_table(Frame) {}
  arch::Entry* entries(Frame table) const {
    const u64 into_image = table.address() - boot_.image_phys.start();
    if (boot_.image_phys.contains(table.address()))
      return reinterpret_cast<arch::Entry*>((boot_.image + into_image).value());
    return linear_map.pointer<arch::Entry>(table);
  }

 private:
  BootInfo& boot_;
  EarlyFrames& frames_;
};

constinit EarlyFrames early_frames;

/// Calls `map(PhysRange)` for the parts of `bank` that boot has not mapped already: under a layout
/// that runs the image at its linear address, all but the image. (So the guard below the boot stack
/// stays unmapped there; no frame of the image is ever given out.)
template <typename Map>
Result<void> for_each_part_to_map(const BootInfo& boot, PhysRange bank, Map&& map) {
  const PhysRange image = boot.image_phys;
  if (!linear_map.virt().contains(boot.image) || !bank.contains(image)) return map(bank);
  if (bank.start() < image.start()) TRY(map(PhysRange::between(bank.start(), image.start())));
  if (image.end() < bank.end()) TRY(map(PhysRange::between(image.end(), bank.end())));
  return {};
}

/// Maps `bank` in two steps: its first GiB with tables of the pool, which are enough for it, and
/// the rest, whose tables may then be frames of that first GiB.
template <typename Mapper>
Result<void> map_bank(Mapper& mapper, PhysRange bank, PhysRange read_only) {
  const PhysAddr step = (bank.start() + 1).align_up(1_GiB);
  if (!bank.contains(step)) return build_linear_map(mapper, linear_map, bank, read_only);
  TRY(build_linear_map(mapper, linear_map, PhysRange::between(bank.start(), step), read_only));
  return build_linear_map(mapper, linear_map, PhysRange::between(step, bank.end()), read_only);
}

/// The image's text and rodata: nothing may write them, through whatever address.
PhysRange read_only_part(const BootInfo& boot) {
  const u64 size = image_rodata().end() - image_text().start();
  return {boot.image_phys.start(), size};
}

[[noreturn]] void stop_for_memory(const System& system, Error error) {
  stop_boot("{} of RAM are not enough ({})", Bytes{bytes_of_ram(system.memory)},
            name_of(error.code));
}

void check_ram(const System& system) {
  const u64 ram = bytes_of_ram(system.memory);
  if (ram < kLeastRam)
    stop_boot("it needs at least {} of RAM, and may use {}", Bytes{kLeastRam}, Bytes{ram});
  for (const PhysRange& bank : system.memory.banks())
    if (bank.contains(system.boot.image_phys)) return;
  stop_boot("the kernel at {} is not in the RAM that it may use", system.boot.image_phys.start());
}

/// The layout's, capped as the command line asks, unless the kernel itself would not fit.
LinearMap choose_linear_map(const System& system) {
  const LinearMap whole = plan_linear_map(current_layout(), ram_span(system.memory));
  if (!system.options.linear) return whole;
  const u64 wanted = *system.options.linear, cap = align_down(wanted, 2_MiB);
  if (wanted >= whole.phys().size()) {
    log("linear", "linear={} is no less than what is mapped anyway: ignored", Bytes{wanted});
    return whole;
  }
  const LinearMap map = plan_linear_map(current_layout(), ram_span(system.memory), cap);
  if (cap < kLeastRam || !map.phys().contains(system.boot.image_phys)) {
    log("linear", "linear={} leaves no room for the kernel: ignored", Bytes{wanted});
    return whole;
  }
  if (cap != wanted)
    log("linear", "linear={} is rounded down to whole blocks: {}", Bytes{wanted}, Bytes{cap});
  return map;
}

/// Chooses the linear map, and lets the layout follow it.
void plan_linear_map_of(System& system) {
  linear_map = choose_linear_map(system);
  fit_current_layout(linear_map.virt().size());
  const PhysAddr load = system.boot.image_phys.start();
  const bool runs_linear = current_layout().image_place == ImagePlace::linear_map;
  const Result<VirtAddr> linear = linear_map.to_virt(load);
  if (runs_linear && !(linear.has_value() && linear.value() == system.boot.image))
    stop_boot("layout {} needs the kernel in the first GiB of RAM, but it is at {}",
              current_layout().name, load);
}

/// Where HIGHMEM begins in the middle of a largest block, the frame below is never given out (see
/// mm/frames/zone.h).
void keep_zones_apart(MemoryMap& memory) {
  const PhysAddr end = linear_map.phys().end();
  if (end < memory.banks().back().end() && !end.is_aligned(kMaxBlockFrames * kPageSize))
    reserve(memory, {end - kPageSize, kPageSize}, "Zone boundary");
}

/// Bytes that the frame table needs for RAM up to `end`: its first entry is the linear map's first
/// frame, and blocks are whole.
u64 table_bytes(PhysAddr end) {
  const u64 block = kMaxBlockFrames * kPageSize;
  return (end.align_up(block) - linear_map.phys().start()) / kPageSize * sizeof(FrameInfo);
}

/// A layout without a region for the frame table has it in the linear map, like mem_map on i386: in
/// one piece, set apart at the top of what RAM is there. Returns its addresses.
VirtRange reserve_frame_table(MemoryMap& memory) {
  const u64 size = align_up(table_bytes(memory.banks().back().end()), kPageSize);
  PhysRange place;
  memory.for_each_free([&](FrameRange run) {
    const PhysRange free = run.bytes();
    const PhysAddr reach = linear_map.phys().end();
    if (free.start() >= reach) return;
    const PhysAddr end = free.end() < reach ? free.end() : reach;
    if (end - free.start() >= size) place = {end - size, size};
  });
  if (place.is_empty()) stop_boot("there is no room for a frame table of {}", Bytes{size});
  reserve(memory, place, "Frame table");
  return {linear_map.to_virt(place.start()).value(), size};
}

/// RAM that the frame table has no entries for is left out. In the linear map the table may take a
/// quarter, so that most of it is left.
void leave_out_undescribed(MemoryMap& memory) {
  const Region* region = current_layout().find(RegionKind::frame_table);
  const u64 most = region != nullptr ? region->size() : linear_map.phys().size() / 4;
  const u64 block = kMaxBlockFrames * kPageSize;
  const u64 described = align_down(most / sizeof(FrameInfo) * kPageSize, block);
  const u64 lost = memory.limit_address(linear_map.phys().start() + described);
  if (lost != 0)
    log("memory", "{} of RAM are left out: layout {} has no frame table for them", Bytes{lost},
        current_layout().name);
}

/// The addresses of the frame table, and what puts memory behind them (null: it is there).
struct TablePlace {
  VirtRange range;
  TableBacking* backing = nullptr;
};
constinit TablePlace frame_table_place;

void place_frame_table(MemoryMap& memory) {
  leave_out_undescribed(memory);
  if (const Region* region = current_layout().find(RegionKind::frame_table))
    frame_table_place = {region->range(), &frame_table_backing()};
  else
    frame_table_place = {reserve_frame_table(memory), nullptr};
}

}  // namespace

void find_memory(System& system) {
  MemoryMap& memory = system.memory;
  for (const PhysRange& bank : system.machine.memory)
    report("the bank of RAM", bank, memory.add_bank(bank));
  if (system.options.mem) memory.limit_size(*system.options.mem);
  if (memory.banks().empty()) stop_boot("the device tree names no usable RAM");
  check_ram(system);

  reserve(memory, system.boot.image_phys, "Kernel image");
  reserve(memory, system.boot.tree_phys, "Device tree");
  if (!system.machine.initrd.is_empty()) reserve(memory, system.machine.initrd, "Initramfs");
  for (const ReservedMemory& r : system.machine.reserved) reserve(memory, r.range, r.name);
  for (const PhysRange& bank : memory.banks())
    log("memory", "{} to {}  {} of RAM", bank.start(), bank.last(), Bytes{bank.size()});
}

void map_memory(System& system) {
  MemoryMap& memory = system.memory;
  plan_linear_map_of(system);
  keep_zones_apart(memory);
  place_frame_table(memory);
  const u64 beyond = bytes_beyond(memory, linear_map.phys().end());
  if (beyond != 0) log("linear", "{} of RAM is beyond the linear map", Bytes{beyond});

  early_frames = EarlyFrames(memory, linear_map.phys());
  BootTables tables(system.boot, early_frames);
  Mapper<arch::Format, BootTables, arch::KernelTlb> mapper(
      system.boot.kernel_root, arch::kernel_geometry(), tables, arch::KernelTlb());
  for (const PhysRange& bank : memory.banks()) {
    const Result<void> mapped = for_each_part_to_map(system.boot, bank, [&](PhysRange part) {
      return map_bank(mapper, part, read_only_part(system.boot));
    });
    if (!mapped.has_value()) stop_for_memory(system, mapped.error());
  }
  kernel_space().start(system.boot.kernel_root);
  log_mapping("linear", linear_map.phys().start(), linear_map.virt().start(), "{} of addresses rw-",
              Bytes{linear_map.virt().size()});
}

void start_allocators(System& system) {
  const Result<void> frames =
      frames_start(system.memory, early_frames, frame_table_place.range, frame_table_place.backing);
  if (!frames.has_value()) stop_for_memory(system, frames.error());

  const ImagePart parts[] = {{image_text(), "image text"},
                             {image_rodata(), "image rodata"},
                             {image_data(), "image data"},
                             {boot_stack(), "boot stack"}};
  const Result<void> areas = vmalloc_start(bytes_of_ram(system.memory) >> kPageShift, parts);
  if (!areas.has_value()) stop_for_memory(system, areas.error());
  ioremap_start(system.memory);
}

}  // namespace meridian
