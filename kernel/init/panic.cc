// SPDX-License-Identifier: MIT
#include "kernel/init/panic.h"

#include <arch/cpu.h>
#include <arch/interrupts.h>
#include <arch/machine.h>
#include <arch/trap.h>

#include <atomic>

#include "kernel/console/console.h"
#include "kernel/lib/check.h"

namespace meridian {
namespace {

constinit std::atomic<bool> panicking{false};

}  // namespace

Writer& panic_begin() {
  arch::mask_interrupts();
  if (panicking.exchange(true)) {
    console().break_lock();
    console().write("panic inside a panic\n");
    panic_power_off();
  }
  console().break_lock();
  console().write("\n==== Meridian stops: ");
  return console();
}

void panic_end() {
  Writer& out = console();
  print(out, "     on CPU {}, by way of\n", arch::cpu_index());
  arch::print_backtrace(out);
  panic_power_off();
}

void panic_power_off() { arch::power_off(kPanicStatus); }

void check_failed(const char* condition, const char* file, int line) {
  // A CHECK may also fail in code that boot runs before the MMU is on: nothing above works there.
  if (!arch::runs_high()) arch::early_stop(condition, static_cast<u64>(line));
  panic("CHECK({}) failed at {}:{}", condition, file, line);
}

}  // namespace meridian
