// SPDX-License-Identifier: MIT
/// kernel_main: the boot, stage by stage, up to the shell.
#include <arch/machine.h>

#include "kernel/console/console.h"
#include "kernel/entry.h"
#include "kernel/init/stages.h"
#include "kernel/init/system.h"
#include "kernel/log/log.h"
#include "kernel/proc/scheduler.h"
#include "kernel/shell/shell.h"

namespace meridian {
namespace {

constinit System system;

/// On a machine that counts instructions (QEMU's -icount shift=0) this is how many boot took, in
/// thousands.
void log_time() {
  const u64 ticks_per_us = arch::counter_frequency() / 1'000'000;
  if (ticks_per_us != 0)
    log("ready", "{} us after the machine started", arch::counter() / ticks_per_us);
}

/// What the command line asks for before a person is let in, or instead.
void run_requests() {
  if (!system.options.run.empty()) arch::power_off(run_shell_commands(system.options.run));
  if (system.options.tour) run_shell_commands("tour");
  if (!system.options.init.empty()) run_init(system);
}

}  // namespace

const System& the_system() { return system; }

void kernel_main(const BootInfo& boot) {
  adopt_boot_thread();
  system.boot = boot;
  choose_layout(layout_of(boot.layout));
  start_console(system);
  read_device_tree(system);
  read_command_line(system);
  find_memory(system);
  map_memory(system);
  start_allocators(system);
  start_devices(system);
  start_cpus(system);
  find_initramfs(system);
  start_processes();
  log_time();
  run_requests();
  run_console_shell();
}

}  // namespace meridian
