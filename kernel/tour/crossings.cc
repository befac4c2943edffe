// SPDX-License-Identifier: MIT
/// Section B of the tour: the kernel in every process, and what a crossing between the two changes.
#include <arch/registers.h>
#include <arch/tlb.h>

#include "kernel/fs/cpio.h"
#include "kernel/init/system.h"
#include "kernel/lib/fixed_vector.h"
#include "kernel/proc/program.h"
#include "kernel/syscall/syscall.h"
#include "kernel/tour/tour.h"

namespace meridian {
namespace {

/// What would change if a crossing switched address spaces.
struct Roots {
  u64 ttbr0, ttbr1, tlbis;

  static Roots now() { return {arch::ttbr0().raw(), arch::ttbr1().raw(), arch::tlbi_count()}; }
  friend bool operator==(const Roots&, const Roots&) = default;
};

/// The calls of the program that runs: between two of them it was back at EL0.
constinit FixedVector<Roots, 16> seen_inside{};

void look_from_inside(const Syscall&) { static_cast<void>(seen_inside.push(Roots::now())); }

void show(Evidence& e, const char* when, const Roots& t) {
  e.show("{:<24} TTBR0 {:016x} TTBR1 {:016x} TLBIs {}", when, t.ttbr0, t.ttbr1, t.tlbis);
}

void calls_change_no_tables(Evidence& e) {
  const Result<CpioEntry> file = find_in_cpio(the_system().initramfs, "/bin/hello");
  if (!e.require_value(file, "/bin/hello is in the initramfs")) return;
  Program program;
  if (!program.load(file.value().data, "hello", {}).has_value())
    return void(e.require(false, "/bin/hello loads"));

  const u64 kernel_tables = arch::ttbr1().raw();
  seen_inside.clear();
  observe_syscalls(look_from_inside);
  const ProgramEnd end = program.run();
  observe_syscalls(nullptr);
  const arch::Ttbr expected(program.space().root(), program.space().asid().asid());

  e.require(end.how == ProgramEnd::How::exited && seen_inside.size() >= 2, "it ran, and called");
  if (seen_inside.size() < 2) return;
  const Roots& inside = seen_inside[seen_inside.size() - 2];
  const Roots& next = seen_inside[seen_inside.size() - 1];
  e.show("{:<24} TTBR0 {:016x} TTBR1 {:016x}", "the program's own", expected.raw(), kernel_tables);
  show(e, "inside a system call", inside);
  show(e, "inside the next one", next);
  e.require(inside.ttbr0 == expected.raw(), "inside the call TTBR0 is still the program's");
  e.require(inside.ttbr1 == kernel_tables, "and TTBR1 the kernel's, as before the program ran");
  e.require(inside == next,
            "back at EL0 and in again: no register changed, and no TLBI was issued");
}

constexpr TourStop kStops[] = {
    {"B2", "A system call changes the privilege level, not the page tables",
     calls_change_no_tables},
};

}  // namespace

std::span<const TourStop> crossing_stops() { return kStops; }

}  // namespace meridian
