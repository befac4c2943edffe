// SPDX-License-Identifier: MIT
/// The stages of boot, in the order in which kernel_main() runs them. A stage either leaves what
/// its comment promises, or ends the boot with one line that says why.
#pragma once

#include "kernel/init/system.h"
#include "kernel/log/log.h"

namespace meridian {

/// Text comes out, and exceptions are reported.
void start_console(System& system);
/// system.machine is what the device tree says.
void read_device_tree(System& system);
/// system.options is what the command line asks for; complaints about it are printed.
void read_command_line(System& system);
/// system.memory is all RAM that we may use, without what is taken.
void find_memory(System& system);
/// All RAM that the layout has room for is in the linear map.
void map_memory(System& system);
/// Frames, kmalloc and vmalloc can be had.
void start_allocators(System& system);
/// Interrupts arrive; keys come by interrupt; the machine can be powered off.
void start_devices(System& system);
/// Threads can be started, and run on every CPU that this kernel can use.
void start_cpus(System& system);
/// system.initramfs is what the loader put beside us.
void find_initramfs(System& system);
/// Programs can be run, and the terminal knows whom its keys are for.
void start_processes();

/// Process 1 is what `init=` names; the machine ends when it does, with its status.
[[noreturn]] void run_init(const System& system);

/// One line of what is mapped where: log_mapping("uart", pa, va, "PL011 rw-").
template <typename... Args>
void log_mapping(std::string_view topic, PhysAddr pa, VirtAddr va,
                 FormatString<std::type_identity_t<Args>...> format, const Args&... args) {
  BufferWriter<kLogLineSize> text;
  print(text, "{} at {}  ", pa, va);
  print<Args...>(text, format, args...);
  log_line(topic, text.text());
}

/// Ends a boot that cannot go on for a reason that is not ours: one line, then power off with a
/// failure status.
template <typename... Args>
[[noreturn]] void stop_boot(FormatString<std::type_identity_t<Args>...> format,
                            const Args&... args);

/// The status of stop_boot().
inline constexpr int kBootFailedStatus = 100;

}  // namespace meridian

#include <arch/machine.h>

#include "kernel/console/console.h"

namespace meridian {

template <typename... Args>
void stop_boot(FormatString<std::type_identity_t<Args>...> format, const Args&... args) {
  console().write("Meridian stops: ");
  print<Args...>(console(), format, args...);
  console().put('\n');
  arch::power_off(kBootFailedStatus);
}

}  // namespace meridian
