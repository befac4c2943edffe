// SPDX-License-Identifier: MIT
/// The stages that bring memory up: what there is, the linear map over it, the allocators on it.
#include <arch/machine.h>

#include "kernel/console/console.h"
#include "kernel/init/stages.h"
#include "kernel/log/log.h"
#include "mm/kernel/linear_map.h"

namespace meridian {
namespace {

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


}  // namespace

void find_memory(System& system) {
  MemoryMap& memory = system.memory;
  for (const PhysRange& bank : system.machine.memory)
    report("the bank of RAM", bank, memory.add_bank(bank));
  if (system.options.mem) memory.limit_size(*system.options.mem);
  if (memory.banks().empty()) stop_boot("the device tree names no usable RAM");

  reserve(memory, system.boot.image_phys, "Kernel image");
  reserve(memory, system.boot.tree_phys, "Device tree");
  if (!system.machine.initrd.is_empty()) reserve(memory, system.machine.initrd, "Initramfs");
  for (const ReservedMemory& r : system.machine.reserved) reserve(memory, r.range, r.name);
  for (const PhysRange& bank : memory.banks())
    log("memory", "{} to {}  {} of RAM", bank.start(), bank.last(), Bytes{bank.size()});
}

}  // namespace meridian
