// SPDX-License-Identifier: MIT
/// kernel_main: the boot, stage by stage, up to the shell.
#include <arch/machine.h>

#include "kernel/entry.h"
#include "kernel/init/stages.h"
#include "kernel/init/system.h"

namespace meridian {
namespace {

constinit System system;

}  // namespace

const System& the_system() { return system; }

void kernel_main(const BootInfo& boot) {
  system.boot = boot;
  start_console(system);
  read_device_tree(system);
  read_command_line(system);
  find_memory(system);
  arch::power_off(0);
}

}  // namespace meridian
