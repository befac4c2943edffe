// SPDX-License-Identifier: MIT
/// The stages that deal with the machine: its console, its description, its devices.
#include <arch/machine.h>
#include <arch/trap.h>

#include "kernel/console/console.h"
#include "kernel/init/stages.h"
#include "kernel/log/log.h"
#include "mm/layout/layout.h"

namespace meridian {
namespace {

/// The tree as boot mapped it.
std::span<const std::byte> tree_bytes(const BootInfo& boot) {
  return {reinterpret_cast<const std::byte*>(boot.tree.value()), boot.tree_phys.size()};
}

void print_banner(const System& system) {
  print(console(), "Meridian on {}, entered at EL{}, layout {}\n", arch::cpu_name(),
        system.boot.entry_level, current_layout().name);
  if (!system.boot.uart_in_tree)
    log("console", "the device tree has no PL011: trying the one at {}", system.boot.uart_phys);
}

}  // namespace

void start_console(System& system) {
  console().attach(arch::start_uart(system.boot.uart));
  arch::install_vectors();
  print_banner(system);
}

void read_device_tree(System& system) {
  const Result<Fdt> tree = Fdt::open(tree_bytes(system.boot));
  if (!tree.has_value())
    stop_boot("the device tree is broken: {} (at byte {} of {})", name_of(tree.error().code),
              tree.error().about, system.boot.tree_phys.size());
  const Result<void> described = describe_machine(tree.value(), system.machine);
  if (!described.has_value())
    stop_boot("the device tree does not describe this machine: {} ({})",
              name_of(described.error().code), described.error().about);
  arch::start_firmware(system.machine);
}

void read_command_line(System& system) {
  BufferWriter<512> complaints;
  system.options = parse_command_line(system.machine.bootargs, complaints);
  if (!complaints.text().empty()) console().write(complaints.text());
}

}  // namespace meridian
