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
  const PhysRange ram = ram_span(system.memory);
  if (system.options.linear) {
    const LinearMap map = plan_linear_map(current_layout(), ram, *system.options.linear);
    if (map.phys().size() >= kLeastRam && map.phys().contains(system.boot.image_phys)) return map;
    log("linear", "linear={} leaves no room for the kernel: ignored",
        Bytes{*system.options.linear});
  }
  return plan_linear_map(current_layout(), ram);
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
  linear_map = choose_linear_map(system);
  const u64 beyond = bytes_beyond(memory, linear_map.phys().end());
  if (beyond != 0) log("linear", "{} of RAM is beyond the linear map", Bytes{beyond});

  early_frames = EarlyFrames(memory, linear_map.phys());
  BootTables tables(system.boot, early_frames);
  Mapper<arch::Format, BootTables, arch::KernelTlb> mapper(
      system.boot.kernel_root, arch::kernel_geometry(), tables, arch::KernelTlb());
  for (const PhysRange& bank : memory.banks()) {
    const Result<void> mapped = map_bank(mapper, bank, read_only_part(system.boot));
    if (!mapped.has_value()) stop_for_memory(system, mapped.error());
  }
  kernel_space().start(system.boot.kernel_root);
  log_mapping("linear", linear_map.phys().start(), linear_map.virt().start(), "{} of addresses rw-",
              Bytes{linear_map.virt().size()});
}

void start_allocators(System& system) {
  const VirtRange table = current_layout().region(RegionKind::frame_table).range();
  const Result<void> frames =
      frames_start(system.memory, early_frames, table, frame_table_backing());
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
