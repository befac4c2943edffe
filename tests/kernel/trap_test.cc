// SPDX-License-Identifier: MIT
/// Exceptions of the kernel's own: probes at every kind of address, where the MMU says what it
/// thinks of the layout and the fault comes back as a value; and what a report says of a fault.
#include <arch/irq.h>
#include <arch/probe.h>
#include <arch/registers.h>
#include <arch/trap.h>
#include <arch/user_access.h>

#include "kernel/log/symbols.h"
#include "mm/image.h"
#include "mm/layout/layout.h"
#include "tests/kernel/expect_fault.h"
#include "tests/kernel/ktest.h"

namespace meridian {

extern "C" {  // tests/kernel/arch
u64 registers_lost_by_a_fault(u64 address);
void only_ret();
void trap_el1_sync(arch::TrapFrame* frame);
}

namespace {

using arch::probe;
using arch::probe_store;
using arch::probe_user_store;
using arch::ProbeKind;
using arch::ProbeResult;

// Something to probe in each part of the image.
constinit volatile u64 in_data = 0x1122'3344'5566'7788;
constexpr u64 kInRodata = 0x99aa'bbcc'ddee'ff00;

VirtAddr data() { return VirtAddr::of(&in_data); }
VirtAddr rodata() { return VirtAddr::of(&kInRodata); }
VirtAddr text() { return VirtAddr::of(reinterpret_cast<const void*>(only_ret)); }

VirtAddr first_of(RegionKind kind) { return VirtAddr(current_layout().region(kind).first); }
VirtAddr last_word_of(RegionKind kind) { return VirtAddr(current_layout().region(kind).last - 7); }

/// A report, kept for looking at. Tests run one at a time.
BufferWriter<6000>& report_text() {
  static BufferWriter<6000> text;
  return text;
}

bool report_says(std::string_view words) {
  return report_text().text().find(words) != std::string_view::npos;
}

void report(const arch::Fault& fault) {
  arch::TrapFrame frame{};
  frame.elr = text().value();
  frame.spsr = 0x3c5;  // EL1h, DAIF
  frame.sp = boot_stack().end().value() - 0x100;
  frame.esr = fault.esr;
  frame.far = fault.far;
  report_text().clear();
  report_fault(report_text(), frame, fault);
}

}  // namespace

/// A2: an address between the halves is refused by its top bits, at its edges as well as inside.
KERNEL_TEST(trap, LoadsInTheHoleFaultAtLevelZero) {
  const VirtAddr first = first_of(RegionKind::hole), last = last_word_of(RegionKind::hole);
  for (const VirtAddr va : {first, first + 0x1234'5678, VirtAddr(0x8000'0000'0000'0000), last}) {
    const ProbeResult result = probe(va, ProbeKind::load64);
    EXPECT_FAULT(result, translation, read, va);
    EXPECT_EQ(result.fault.level(), 0);
    EXPECT_EQ(result.fault.esr, 0x9600'0004);
  }
}

KERNEL_TEST(trap, StoresInTheHoleFaultAsWrites) {
  const VirtAddr va = first_of(RegionKind::hole);
  EXPECT_FAULT(probe_store(va, 8, 0), translation, write, va);
  EXPECT_EQ(probe_store(va, 4, 0).fault.esr, 0x9600'0044);
}

KERNEL_TEST(trap, JumpsIntoTheHoleComeBack) {
  const VirtAddr va = first_of(RegionKind::hole);
  const ProbeResult result = probe(va, ProbeKind::execute);
  EXPECT_FAULT(result, translation, execute, va);
  EXPECT_EQ(result.fault.esr, 0x8600'0004);
}

/// The ESR is the hole's; only the address tells that this is an address of the user half.
KERNEL_TEST(trap, TheLastWordOfTheUserHalfFaultsLikeTheHoleWithoutAProgram) {
  const VirtAddr va = last_word_of(RegionKind::user);
  EXPECT_FAULT(probe(va, ProbeKind::load64), translation, read, va);
  EXPECT_EQ(current_layout().region_of(va).kind, RegionKind::user);
  EXPECT_NE(current_layout().region_of(va + 8).kind, RegionKind::user);
}

KERNEL_TEST(trap, TheUserHalfIsEmptyWithoutAProgram) {
  for (const u64 address : {0x0ull, 0x1000ull, 0x40'0000ull, 0x4020'0000ull, 0x7fff'ffff'f000ull}) {
    const VirtAddr va(address);
    EXPECT_FAULT(probe(va, ProbeKind::load8), translation, read, va);
    EXPECT_FAULT(probe(va, ProbeKind::execute), translation, execute, va);
    EXPECT_FAULT(probe(va, ProbeKind::user_load), translation, read, va);
  }
}

KERNEL_TEST(trap, LoadsOfEverySizeGiveTheValue) {
  in_data = 0x1122'3344'5566'7788;
  EXPECT_EQ(probe(data(), ProbeKind::load8).value, 0x88);
  EXPECT_EQ(probe(data(), ProbeKind::load16).value, 0x7788);
  EXPECT_EQ(probe(data(), ProbeKind::load32).value, 0x5566'7788);
  EXPECT_EQ(probe(data(), ProbeKind::load64).value, 0x1122'3344'5566'7788);
  EXPECT_TRUE(probe(data(), ProbeKind::load64).ok);
}

KERNEL_TEST(trap, StoresOfEverySizeChangeSoManyBytes) {
  in_data = ~u64{0};
  EXPECT_TRUE(probe_store(data(), 1, 0).ok);
  EXPECT_EQ(in_data, 0xffff'ffff'ffff'ff00);
  EXPECT_TRUE(probe_store(data(), 2, 0).ok);
  EXPECT_EQ(in_data, 0xffff'ffff'ffff'0000);
  EXPECT_TRUE(probe_store(data(), 4, 0).ok);
  EXPECT_EQ(in_data, 0xffff'ffff'0000'0000);
  EXPECT_TRUE(probe_store(data(), 8, 7).ok);
  EXPECT_EQ(in_data, 7);
}

KERNEL_TEST(trap, AStoreProbeLeavesMemoryAsItWas) {
  in_data = 0x0123'4567'89ab'cdef;
  const ProbeResult result = probe(data(), ProbeKind::store);
  EXPECT_TRUE(result.ok);
  EXPECT_EQ(result.value, 0xef);
  EXPECT_EQ(in_data, 0x0123'4567'89ab'cdef);
}

KERNEL_TEST(trap, TextAndRodataCannotBeWritten) {
  EXPECT_FAULT(probe(text(), ProbeKind::store), permission, write, text());
  EXPECT_FAULT(probe_store(text(), 4, 0), permission, write, text());
  EXPECT_FAULT(probe(rodata(), ProbeKind::store), permission, write, rodata());
  EXPECT_FAULT(probe_store(rodata(), 8, 0), permission, write, rodata());
  EXPECT_EQ(probe(rodata(), ProbeKind::load64).value, 0x99aa'bbcc'ddee'ff00);
}

KERNEL_TEST(trap, DataRodataAndStackCannotBeExecuted) {
  const u64 on_stack = 0;
  const VirtAddr stack = VirtAddr::of(&on_stack);
  EXPECT_FAULT(probe(data(), ProbeKind::execute), permission, execute, data());
  EXPECT_FAULT(probe(rodata(), ProbeKind::execute), permission, execute, rodata());
  EXPECT_FAULT(probe(stack, ProbeKind::execute), permission, execute, stack);
}

KERNEL_TEST(trap, ExecuteProbesRunARetAndRefuseOtherCode) {
  EXPECT_TRUE(probe(text(), ProbeKind::execute).ok);
  const ProbeResult other = probe(image_text().start(), ProbeKind::execute);
  EXPECT_FALSE(other.ok);
  EXPECT_TRUE(other.refused);
}

/// LDTR and STTR have EL0's rights: every kernel page is out of their reach.
KERNEL_TEST(trap, El0RightsReachNoKernelPage) {
  in_data = 5;
  EXPECT_FAULT(probe(data(), ProbeKind::user_load), permission, read, data());
  EXPECT_FAULT(probe(data(), ProbeKind::user_store), permission, read, data());
  EXPECT_FAULT(probe_user_store(data(), 8, 0), permission, write, data());
  EXPECT_FAULT(probe(text(), ProbeKind::user_load), permission, read, text());
  EXPECT_EQ(in_data, 5);
}

/// A4: the kernel half is mapped while EL0 runs, and closed to it. Here EL0 really runs, and jumps
/// there.
KERNEL_TEST(trap, JumpsOfEl0IntoTheKernelHalfFault) {
  for (const VirtAddr va : {text(), data(), rodata(), image_text().start()}) {
    const ProbeResult result = probe(va, ProbeKind::user_execute);
    ASSERT_FALSE(result.ok);
    ASSERT_FALSE(result.refused);
    EXPECT_TRUE(result.fault.from_user());
    EXPECT_EQ(result.fault.kind(), arch::FaultKind::permission);
    EXPECT_EQ(result.fault.access(), arch::FaultAccess::execute);
    EXPECT_EQ(result.fault.address(), va);
    EXPECT_EQ(result.fault.elr, va.value());
  }
  EXPECT_EQ(probe(text(), ProbeKind::user_execute).fault.esr, 0x8200'000f);
}

KERNEL_TEST(trap, JumpsOfEl0IntoTheHoleAndToNothingFault) {
  for (const VirtAddr va : {VirtAddr(0), first_of(RegionKind::hole), first_of(RegionKind::guard)}) {
    const ProbeResult result = probe(va, ProbeKind::user_execute);
    EXPECT_TRUE(result.fault.from_user());
    EXPECT_EQ(result.fault.kind(), arch::FaultKind::translation);
    EXPECT_EQ(result.fault.address(), va);
  }
}

KERNEL_TEST(trap, UnmappedKernelAddressesFault) {
  for (const RegionKind kind : {RegionKind::guard, RegionKind::modules}) {
    if (current_layout().find(kind) == nullptr) continue;
    const VirtAddr va = first_of(kind);
    EXPECT_FAULT(probe(va, ProbeKind::load64), translation, read, va);
    EXPECT_FAULT(probe_store(va, 8, 0), translation, write, va);
  }
  const VirtAddr last(~u64{0});
  EXPECT_FAULT(probe(last, ProbeKind::load8), translation, read, last);
}

KERNEL_TEST(trap, UnalignedLoadsOfMemoryWork) {
  in_data = 0x1122'3344'5566'7788;
  EXPECT_EQ(probe(data() + 1, ProbeKind::load32).value, 0x4455'6677);
}

KERNEL_TEST(trap, AFaultKeepsEveryRegister) {
  const arch::IrqGuard irq;  // the routine borrows TPIDR_EL0
  EXPECT_EQ(registers_lost_by_a_fault(first_of(RegionKind::hole).value()), 0);
  EXPECT_EQ(registers_lost_by_a_fault(data().value()), 100);  // no fault: the routine can fail
}

KERNEL_TEST(trap, ProbesLeaveTheInterruptMaskAlone) {
  const bool masked = arch::irqs_masked();
  (void)probe(VirtAddr(0), ProbeKind::load8);
  EXPECT_EQ(arch::irqs_masked(), masked);
  const arch::IrqGuard irq;
  (void)probe(VirtAddr(0), ProbeKind::execute);
  EXPECT_TRUE(arch::irqs_masked());
}

/// Source and target one after the other; the source ends where the boot stack ends, so that the
/// copy runs into the page after it. Sizes around every step of the loop, and every alignment.
KERNEL_TEST(trap, AGuardedCopyStopsAtTheExactByte) {
  static u8 target[256];
  const VirtAddr end = boot_stack().end();
  if (probe(end, ProbeKind::load8).ok) SKIP_TEST("something is mapped behind the boot stack");
  for (u64 readable : {0u, 1u, 7u, 8u, 9u, 63u, 64u, 65u, 130u}) {
    for (u64 wanted : {readable, readable + 1, readable + 8, readable + 64}) {
      for (u8& byte : target) byte = 0xee;
      const VirtAddr to = VirtAddr::of(target) + (readable & 7);
      const u64 left = arch::copy_checked(to, end - readable, wanted);
      EXPECT_EQ(left, wanted - readable);
      const u8* stack = reinterpret_cast<const u8*>((end - readable).value());
      for (u64 i = 0; i < readable; ++i) EXPECT_EQ(target[(readable & 7) + i], stack[i]);
      EXPECT_EQ(target[(readable & 7) + readable], 0xee);
    }
  }
}

KERNEL_TEST(trap, CopiesToAndFromAProgramReachNoKernelPage) {
  u64 secret = 0;
  in_data = 42;
  EXPECT_EQ(arch::copy_in(&secret, UserAddr(data().value()), sizeof secret), sizeof secret);
  EXPECT_EQ(secret, 0);
  EXPECT_EQ(arch::copy_out(UserAddr(data().value()), &secret, sizeof secret), sizeof secret);
  EXPECT_EQ(arch::clear_out(UserAddr(data().value()), sizeof secret), sizeof secret);
  EXPECT_EQ(in_data, 42);
  EXPECT_EQ(arch::copy_in(&secret, UserAddr(0x1000), 3), 3);
  EXPECT_EQ(arch::copy_in(&secret, UserAddr(first_of(RegionKind::hole).value()), 200), 200);
  EXPECT_EQ(arch::copy_in(&secret, UserAddr(0x1000), 0), 0);
}

KERNEL_TEST(trap, AFaultPrintsItselfInWords) {
  BufferWriter<200> words;
  print(words, "{}", probe(VirtAddr(0x0001'0000'0000'0000), ProbeKind::load8).fault);
  EXPECT_EQ(words.text(), "read at 0x0001000000000000: translation fault at level 0");
}

/// The syndrome of the two is the same; the report must tell them apart.
KERNEL_TEST(trap, AReportTellsTheHoleFromAnEmptyEntry) {
  report(probe(first_of(RegionKind::hole), ProbeKind::load8).fault);
  BufferWriter<64> hole;
  print(hole, "in the hole between the halves: bits 63 to {} are", arch::tcr().user_bits());
  EXPECT_TRUE(report_says(hole.text()));
  EXPECT_TRUE(report_says("walk      none"));
  report(probe(last_word_of(RegionKind::user), ProbeKind::load8).fault);
  EXPECT_FALSE(report_says("in the hole"));
  EXPECT_TRUE(report_says("in the low half (TTBR0), region \"user (TTBR0)\""));
  BufferWriter<64> stop;
  print(stop, "stops at L{}: nothing is mapped there", arch::tcr().user_bits() > 39 ? 0u : 1u);
  EXPECT_TRUE(report_says(stop.text()));
}

KERNEL_TEST(trap, AReportNamesTheRegionTheWalkAndTheInstruction) {
  report(probe(text(), ProbeKind::store).fault);
  EXPECT_TRUE(report_says("ESR 0x9600004f: data abort from the same level: write: permission"));
  EXPECT_TRUE(report_says("in the kernel's text"));
  EXPECT_TRUE(report_says("EL1 r-x"));
  EXPECT_TRUE(report_says("the tables do not allow this write"));
  EXPECT_TRUE(report_says("only_ret+0x0: instruction d65f03c0"));
}

/// A fault that the tables do not explain came from the TLB.
KERNEL_TEST(trap, AReportSuspectsTheTlbIfTheTablesAllowTheAccess) {
  report({.esr = 0x9600'0047, .far = data().value(), .elr = text().value()});
  EXPECT_TRUE(report_says("the tables allow it: the TLB held something older"));
}

KERNEL_TEST(trap, AReportRecognisesANullPointer) {
  report(probe(VirtAddr(0x18), ProbeKind::load8).fault);
  EXPECT_TRUE(report_says("a null pointer, or a field of one"));
}

KERNEL_TEST(trap, ABacktraceNamesItsFunctions) {
  report_text().clear();
  arch::print_backtrace(report_text());
  EXPECT_TRUE(report_says(" ktest_trap_ABacktraceNamesItsFunctions+0x"));
  EXPECT_TRUE(report_says(" run_kernel_tests+0x"));
}

KERNEL_TEST(trap, SymbolsAreFoundByAddressInTextOnly) {
  const std::optional<SymbolPlace> place = find_symbol(text().value());
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->name, "only_ret");
  EXPECT_EQ(place->offset, 0);
  EXPECT_FALSE(find_symbol(data().value()).has_value());
  EXPECT_FALSE(find_symbol(image_text().start().value() - 1).has_value());
}

/// A CPU without FEAT_ETS2 may fault where another one has mapped something a moment ago (there is
/// none in QEMU). Everywhere else such a fault would be reported, and be the end.
KERNEL_TEST(trap, AFaultWhereSomethingIsMappedByNowIsTriedAgain) {
  arch::TrapFrame frame{};
  frame.elr = text().value();
  frame.spsr = 0x3c5;       // EL1h, DAIF
  frame.esr = 0x9600'0007;  // data abort of EL1, read, translation fault at level 3
  frame.far = data().value();
  const arch::TrapFrame before = frame;
  trap_el1_sync(&frame);
  EXPECT_EQ(frame.elr, before.elr);  // the same instruction, not a fixup
}

}  // namespace meridian
