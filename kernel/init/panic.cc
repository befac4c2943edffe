// SPDX-License-Identifier: MIT
#include "kernel/init/panic.h"

#include <arch/cpu.h>
#include <arch/interrupts.h>
#include <arch/machine.h>
#include <arch/smp.h>
#include <arch/trap.h>

#include <atomic>

#include "kernel/console/console.h"
#include "kernel/lib/check.h"

namespace meridian {
namespace {

constexpr u32 kNobody = ~u32{0};
constinit std::atomic<u32> reporter{kNobody};  // the CPU that has begun a report

}  // namespace

Writer& panic_begin() {
  arch::mask_interrupts();
  const u32 me = static_cast<u32>(arch::cpu_index());
  u32 earlier = kNobody;
  if (!reporter.compare_exchange_strong(earlier, me)) {
    if (earlier != me) arch::stop_this_cpu();  // one report is enough
    console().break_lock();
    console().write("panic inside a panic\n");
    panic_power_off();
  }
  arch::stop_other_cpus();
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
