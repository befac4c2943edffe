// SPDX-License-Identifier: MIT
/// The stage that brings threads and the other CPUs.
#include <arch/clock.h>
#include <arch/interrupts.h>
#include <arch/smp.h>
#include <arch/timer.h>

#include "kernel/entry.h"
#include "kernel/init/stages.h"
#include "kernel/proc/scheduler.h"
#include "mm/kernel/vmalloc.h"

namespace meridian {
namespace {

/// What a CPU needs to come up. It stays, whatever becomes of the CPU: one that is late would use
/// it.
struct Equipment {
  Ref<Thread> idle;
  VirtRange stack, overflow_stack;
};

Result<Equipment> make_equipment(unsigned cpu) {
  Equipment equipment;
  equipment.idle = TRY(make_idle_thread(cpu));
  equipment.stack = TRY(alloc_kernel_stack());
  const Result<VirtRange> overflow_stack = alloc_kernel_stack();
  if (!overflow_stack.has_value()) {
    free_kernel_stack(equipment.stack);
    return overflow_stack.error();
  }
  equipment.overflow_stack = overflow_stack.value();
  return equipment;
}

void give_back(const Equipment& equipment) {
  free_kernel_stack(equipment.stack);
  free_kernel_stack(equipment.overflow_stack);
}

/// One at a time, and this thread sleeps until the CPU is there.
Result<void> bring_up(unsigned cpu, u64 affinity) {
  const Equipment equipment = TRY(make_equipment(cpu));
  const Result<void> started =
      arch::start_cpu(affinity, *equipment.idle, equipment.stack, equipment.overflow_stack);
  if (!started.has_value()) {
    give_back(equipment);
    return started;
  }
  equipment.idle->add_ref();
  return wait_for_cpu(cpu, arch::counter() + arch::counter_frequency());
}

/// Interrupts to tell CPUs something, and to divide their time.
Result<void> prepare_scheduling(const MachineDescription& machine) {
  TRY(arch::register_irq(arch::kRescheduleIpi, [] {}));  // after_interrupt() is all it is for
  TRY(arch::prepare_stop());
  return arch::start_timer(machine.timer.virt);
}

void bring_up_others(const MachineDescription& machine) {
  unsigned cpu = 1, left_alone = 0;
  for (const u64 affinity : machine.cpus) {
    if (affinity == arch::cpu_affinity()) continue;
    if (cpu == arch::kMaxCpus) {
      ++left_alone;
      continue;
    }
    const Result<void> up = bring_up(cpu++, affinity);
    if (!up.has_value())
      log("cpus", "CPU {:X} does not come up: {} ({}); left alone", affinity,
          name_of(up.error().code), up.error().about);
  }
  left_alone += static_cast<unsigned>(machine.cpu_count - machine.cpus.size());
  if (left_alone != 0)
    log("cpus", "{} more than the {} that this kernel runs on: left alone", left_alone,
        arch::kMaxCpus);
}

}  // namespace

void start_cpus(System& system) {
  const MachineDescription& machine = system.machine;
  const Result<void> first = start_scheduler();
  if (!first.has_value()) stop_boot("no memory for the first thread");
  const Result<void> ready = prepare_scheduling(machine);
  if (ready.has_value())
    bring_up_others(machine);
  else if (machine.cpu_count > 1)
    log("cpus", "no interrupts to share time by: {}; one CPU runs", name_of(ready.error().code));
  if (running_cpus() > 1) log("cpus", "{} of {} run", running_cpus(), machine.cpu_count);
}

void secondary_main() {
  const Result<void> started = arch::start_own_interrupts();
  if (!started.has_value()) {
    log("cpus", "no interrupts on CPU {}: {}", arch::cpu_index(), name_of(started.error().code));
    arch::stop_this_cpu();
  }
  run_idle();
}

}  // namespace meridian
