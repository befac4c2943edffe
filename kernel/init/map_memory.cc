// SPDX-License-Identifier: MIT
/// The linear map at boot: how far it reaches, what of the layout follows from that, and the tables
/// over all of it.
#include <arch/memory.h>
#include <arch/paging.h>
#include <arch/tlb.h>

#include "kernel/init/memory.h"
#include "mm/frames/frame_table.h"
#include "mm/image.h"
#include "mm/kernel/kernel_space.h"
#include "mm/kernel/linear_map_build.h"

namespace meridian {
namespace {

/// From the first byte of RAM to the last, holes included.
PhysRange ram_span(const MemoryMap& memory) {
  return PhysRange::between(memory.banks().front().start(), memory.banks().back().end());
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
  const bool runs_linear = current_layout().image_place == ImagePlace::in_linear_map;
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

}  // namespace

void map_memory(System& system) {
  MemoryMap& memory = system.memory;
  plan_linear_map_of(system);
  keep_zones_apart(memory);
  system.frame_table = place_frame_table(memory);
  const u64 beyond = memory.bytes_beyond(linear_map.phys().end());
  if (beyond != 0) log("linear", "{} of RAM is beyond the linear map", Bytes{beyond});

  system.early_frames = EarlyFrames(memory, linear_map.phys());
  BootTables tables(system.boot, system.early_frames);
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

}  // namespace meridian
