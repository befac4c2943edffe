// SPDX-License-Identifier: MIT
/// The stages that deal with the machine: its console, its description, its devices.
#include <arch/interrupts.h>
#include <arch/machine.h>
#include <arch/trap.h>

#include "kernel/console/console.h"
#include "kernel/init/stages.h"
#include "kernel/log/log.h"
#include "kernel/time/clock.h"
#include "mm/image.h"
#include "mm/kernel/ioremap.h"
#include "mm/kernel/linear_map.h"
#include "mm/kernel/vmalloc.h"
#include "mm/layout/layout.h"
#include "mm/slab/kmalloc.h"

namespace meridian {
namespace {

/// The tree as boot mapped it.
std::span<const std::byte> tree_bytes(const BootInfo& boot) {
  return {reinterpret_cast<const std::byte*>(boot.tree.value()), boot.tree_phys.size()};
}

void print_banner(const System& system) {
  print(console(), "Meridian on {}, entered at EL{}, layout {}\n", arch::cpu_name(),
        system.boot.entry_level, current_layout().name);
}

/// What boot has mapped so far, and where.
void log_early_map(const BootInfo& boot) {
  log_mapping("image", boot.image_phys.start(), boot.image,
              "text {} r-x, rodata {} r--, data {} rw-", Bytes{image_text().size()},
              Bytes{image_rodata().size()}, Bytes{image_data().size()});
  log_mapping("tree", boot.tree_phys.start(), boot.tree, "device tree, {} r--",
              Bytes{boot.tree_phys.size()});
  log_mapping("uart", boot.uart_phys, boot.uart, "{}",
              boot.uart_in_tree ? "PL011 rw-" : "not in the device tree: the usual one is tried");
}

/// The interrupt must be that of the UART which is the console.
Result<void> use_key_interrupt(const System& system) {
  const MachineDescription::Uart& uart = system.machine.uart;
  if (uart.registers.start() != system.boot.uart_phys) return Error{Errc::not_found};
  return console().use_receive_interrupt(uart.interrupt);
}

/// Is all of `range` in one bank of RAM, whatever we may use of it ourselves?
bool is_ram(const MachineDescription& machine, PhysRange range) {
  for (const PhysRange& bank : machine.memory)
    if (!range.wraps() && bank.contains(range)) return true;
  return false;
}

/// Memory that the loader filled: through the linear map, or, where that does not reach, mapped
/// read-only page by page.
Result<const std::byte*> reach(const MachineDescription& machine, PhysRange memory) {
  if (!is_ram(machine, memory)) return Error{Errc::bad_range, memory.start().value()};
  if (linear_map.phys().contains(memory))
    return linear_map.pointer<const std::byte>(memory.start());

  const Frame first = Frame::containing(memory.start());
  const u64 count = Frame::containing(memory.last()) - first + 1;
  if (count > kMaxKmalloc / sizeof(Frame)) return Error{Errc::too_large, memory.size()};
  Frame* const frames = static_cast<Frame*>(TRY(kmalloc(count * sizeof(Frame))));
  for (u64 i = 0; i < count; ++i) frames[i] = first + i;
  const Result<void*> mapped = vmap({frames, count}, kKernelRodata);
  kfree(frames);
  if (!mapped.has_value()) return mapped.error();
  return static_cast<const std::byte*>(mapped.value()) + (memory.start() - first.address());
}

/// Errc::not_found if the machine has none.
Result<u64> read_real_time_clock(const MachineDescription& machine) {
  if (machine.real_time_clock.is_empty()) return Error{Errc::not_found};
  void* const registers = TRY(ioremap(machine.real_time_clock));
  const u64 seconds = arch::read_real_time_clock(VirtAddr::of(registers));
  iounmap(registers);
  return seconds;
}

void start_clock(const MachineDescription& machine) {
  const Result<u64> seconds = read_real_time_clock(machine);
  if (seconds.has_value())
    set_real_time(seconds.value() * kNanosecondsPerSecond);
  else
    log("devices", "no real-time clock: {}; the date begins in 1970",
        name_of(seconds.error().code));
}

}  // namespace

void start_console(System& system) {
  console().attach(arch::start_uart(system.boot.uart));
  arch::install_vectors();
  arch::unmask_system_errors();
  print_banner(system);
  log_early_map(system.boot);
}

void read_device_tree(System& system) {
  const Result<Fdt> tree = Fdt::open(tree_bytes(system.boot));
  if (!tree.has_value())
    stop_boot("the device tree is broken: {} (at byte {} of {})", name_of(tree.error().code),
              tree.error().about, system.boot.tree_phys.size());
  const Result<void> described = describe_machine(tree.value(), system.machine);
  if (!described.has_value() && described.error().code == Errc::not_found)
    stop_boot("the device tree names no memory");
  if (!described.has_value())
    stop_boot("the device tree does not describe this machine: {} ({})",
              name_of(described.error().code), described.error().about);
  arch::start_firmware(system.machine);
}

void read_command_line(System& system) {
  BufferWriter<512> complaints;
  if (system.machine.bootargs_unterminated)
    complaints.write("command line: it has no end; ignored\n");
  system.options = parse_command_line(system.machine.bootargs, complaints);
  if (!complaints.text().empty()) console().write(complaints.text());
}

void start_devices(System& system) {
  const MachineDescription& machine = system.machine;
  start_clock(machine);
  const Result<void> controller = arch::start_interrupts(machine);
  if (!controller.has_value()) {
    // Not the end: keys can be polled, and nothing else needs an interrupt.
    log("devices", "no interrupts: {}; keys are polled", name_of(controller.error().code));
    return;
  }
  const Result<void> keys = use_key_interrupt(system);
  log("devices", "{}, {} {}, counter at {} kHz", arch::interrupt_controller_name(),
      keys.has_value() ? "keys by interrupt" : "keys are polled: no interrupt",
      machine.uart.interrupt, arch::counter_frequency() / 1000);
  arch::unmask_interrupts();
}

void find_initramfs(System& system) {
  const PhysRange where = system.machine.initrd;
  if (where.is_empty()) return;
  const Result<const std::byte*> start = reach(system.machine, where);
  if (!start.has_value()) {
    log("initramfs", "at {} it is out of reach ({}): ignored", where.start(),
        name_of(start.error().code));
    return;
  }
  system.initramfs = {start.value(), where.size()};
  log_mapping("initramfs", where.start(), VirtAddr::of(start.value()), "{}", Bytes{where.size()});
}

}  // namespace meridian
