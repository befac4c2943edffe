// SPDX-License-Identifier: MIT
/// The stages before and after the linear map: what RAM there is, and the allocators on it.
#include "kernel/init/memory.h"

#include "kernel/log/log.h"
#include "mm/frames/frames.h"
#include "mm/image.h"
#include "mm/kernel/ioremap.h"
#include "mm/kernel/kmap.h"
#include "mm/kernel/vmalloc.h"

namespace meridian {
namespace {

/// What makes no sense is left out and said, not fatal: RAM that is left may do.
void report(std::string_view what, PhysRange range, const Result<void>& result) {
  if (!result.has_value())
    log("memory", "{} at {} ({}) is left out: {}", what, range.start(), Bytes{range.size()},
        name_of(result.error().code));
}

void check_ram(const System& system) {
  const u64 ram = bytes_of_ram(system.memory);
  if (ram < kLeastRam)
    stop_boot("it needs at least {} of RAM, and may use {}", Bytes{kLeastRam}, Bytes{ram});
  for (const PhysRange& bank : system.memory.banks())
    if (bank.contains(system.boot.image_phys)) return;
  stop_boot("the kernel at {} is not in the RAM that it may use", system.boot.image_phys.start());
}

}  // namespace

u64 bytes_of_ram(const MemoryMap& memory) {
  u64 bytes = 0;
  for (const PhysRange& bank : memory.banks()) bytes += bank.size();
  return bytes;
}

void reserve(MemoryMap& memory, PhysRange range, std::string_view name) {
  const Result<void> reserved = memory.reserve(range, name);
  if (!reserved.has_value())
    stop_boot("cannot keep {} at {} reserved: {}", name, range.start(),
              name_of(reserved.error().code));
}

void stop_for_memory(const System& system, Error error) {
  stop_boot("{} of RAM are not enough ({})", Bytes{bytes_of_ram(system.memory)},
            name_of(error.code));
}

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

void start_allocators(System& system) {
  const Result<void> frames = frames_start(system.memory, system.early_frames,
                                           system.frame_table.range, system.frame_table.backing);
  if (!frames.has_value()) stop_for_memory(system, frames.error());

  const ImagePart parts[] = {{image_text(), "image text"},
                             {image_rodata(), "image rodata"},
                             {image_data(), "image data"},
                             {boot_stack(), "boot stack"}};
  const Result<void> areas = vmalloc_start(bytes_of_ram(system.memory) >> kPageShift, parts);
  if (!areas.has_value()) stop_for_memory(system, areas.error());
  ioremap_start(system.memory);
  const Result<void> windows = kmap_start();
  if (!windows.has_value()) stop_for_memory(system, windows.error());
}

}  // namespace meridian
