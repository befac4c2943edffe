// SPDX-License-Identifier: MIT
#include <arch/context.h>
#include <arch/interrupts.h>
#include <arch/smp.h>
#include <arch/trap.h>

#include "arch/aarch64/boot/boot.h"
#include "arch/aarch64/boot/secondary.h"
#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "arch/aarch64/virt/psci.h"
#include "kernel/lib/bits.h"
#include "mm/image.h"

namespace meridian::arch {

constinit SecondaryStart secondary_starts[kMaxCpus];

namespace {

extern "C" {
[[gnu::visibility("hidden"), gnu::used,
  gnu::section(".noinit")]] alignas(16) u8 secondary_early_stacks[kMaxCpus][kSecondaryStackSize];
}

}  // namespace

u64 cpu_affinity() { return hw::read_mpidr_el1() & (Field<39, 32>::kMask | Field<23, 0>::kMask); }

Result<void> start_cpu(u64 affinity, ThreadContext& thread, VirtRange stack,
                       VirtRange overflow_stack) {
  CHECK(thread.cpu < kMaxCpus);
  thread.ttbr0 = mmu_setup.empty_root;
  secondary_starts[thread.cpu] = {stack.end(), &thread};
  set_overflow_stack(static_cast<unsigned>(thread.cpu), overflow_stack.end());
  hw::dsb_ish();  // all of that is there before the CPU is
  const PhysAddr entry = TRY(image_to_phys(VirtAddr::of(secondary_entry)));
  return psci_cpu_on(affinity, entry, thread.cpu);
}

void stop_other_cpus() { send_ipi_to_others(kStopIpi); }

Result<void> prepare_stop() { return register_irq(kStopIpi, stop_this_cpu); }

void stop_this_cpu() {
  hw::mask_all();
  for (;;) hw::wfi();
}

}  // namespace meridian::arch
