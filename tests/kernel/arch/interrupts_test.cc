// SPDX-License-Identifier: MIT
/// Interrupts and the clock: the generic timer raises one, and the handler that asked for it runs.
#include <arch/interrupts.h>
#include <arch/irq.h>
#include <arch/machine.h>

#include <atomic>

#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/sysreg.h"
#include "kernel/init/system.h"
#include "kernel/lib/bits.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

using TimerEnable = Bit<0>;  // CNTP_CTL_EL0; the virtual timer is the scheduler's

constinit std::atomic<u32> ticks{0};

void on_timer() {
  hw::write_cntp_ctl_el0(0);
  ticks.fetch_add(1, std::memory_order_relaxed);
}

void start_timer() {
  hw::write_cntp_tval_el0(1);
  hw::write_cntp_ctl_el0(TimerEnable::kSet);
}

/// Executes three instructions so often: ISB, SUBS, B.NE. (Any odd number does.)
[[gnu::noinline]] void execute_triples(u64 count) {
  for (; count != 0; --count) hw::isb();
}

/// Sleeps until the handler has run. Interrupts are masked between the look and the WFI, which ends
/// for a masked one, too: one that came there unmasked would be handled, and then slept over.
void wait_for_tick(u32 count) {
  for (;;) {
    arch::IrqGuard guard;
    if (ticks.load() >= count) return;
    hw::wfi();
  }
}

KERNEL_TEST(interrupts, ATimerInterruptReachesItsHandlerOnce) {
  const u32 intid = the_system().machine.timer.physical;
  if (intid == 0) SKIP_TEST("no physical timer in the device tree");
  ASSERT_FALSE(arch::irqs_masked());
  ticks = 0;
  ASSERT_OK(arch::register_irq(intid, on_timer));
  const arch::IrqCounts before = arch::irq_counts();

  start_timer();
  wait_for_tick(1);

  EXPECT_EQ(ticks.load(), 1u);
  EXPECT_GE(arch::irq_counts().handled, before.handled + 1);
  EXPECT_EQ(arch::irq_counts().spurious, 0u);
  EXPECT_ERROR(arch::register_irq(intid, on_timer), Errc::already_mapped);

  // Masked, it waits; unmasked, it comes.
  {
    arch::IrqGuard guard;
    start_timer();
    const u64 until = arch::counter() + 1000;
    while (arch::counter() < until) {
    }
    EXPECT_EQ(ticks.load(), 1u);
  }
  const u64 patience = arch::counter() + arch::counter_frequency();
  while (ticks == 1 && arch::counter() < patience) {
  }
  EXPECT_EQ(ticks.load(), 2u);

  // Under icount the counter steps every 16 instructions: the interrupt comes at each of them.
  constexpr u32 kMoments = 64;
  for (u32 moment = 0; moment < kMoments; ++moment) {
    execute_triples(moment);
    start_timer();
    wait_for_tick(3 + moment);
  }
  EXPECT_EQ(ticks.load(), 2 + kMoments);
}

KERNEL_TEST(interrupts, ANumberThatTheControllerLacksIsRefused) {
  EXPECT_ERROR(arch::register_irq(1020, on_timer), Errc::unsupported);
  EXPECT_ERROR(arch::register_irq(0xffff'ffff, on_timer), Errc::unsupported);
}

KERNEL_TEST(interrupts, TheConsolesInterruptIsTaken) {
  EXPECT_ERROR(arch::register_irq(the_system().machine.uart.interrupt, on_timer),
               Errc::already_mapped);
}

KERNEL_TEST(machine, TheCounterOnlyGoesForwardAtTheRateItNames) {
  EXPECT_GE(arch::counter_frequency(), 1'000'000u);
  u64 last = arch::counter();
  for (int i = 0; i < 1000; ++i) {
    const u64 now = arch::counter();
    ASSERT_GE(now, last);
    last = now;
  }
}

}  // namespace
}  // namespace meridian
