// SPDX-License-Identifier: MIT
/// Section B of the tour: the kernel in every process, and what a crossing between the two changes.
#include <arch/registers.h>
#include <arch/tlb.h>

#include "kernel/init/system.h"
#include "kernel/lib/fixed_vector.h"
#include "kernel/proc/run_program.h"
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

/// What TTBR0 should hold for it, from its space.
constinit u64 own_root = 0;

void look_from_inside(const Syscall& call) {
  UserSpace& space = call.caller.space();
  own_root = arch::Ttbr(space.root(), space.asid().asid()).raw();
  static_cast<void>(seen_inside.push(Roots::now()));
}

void show(Evidence& e, const char* when, const Roots& t) {
  e.show("{:<24} TTBR0 {:016x} TTBR1 {:016x} TLBIs {}", when, t.ttbr0, t.ttbr1, t.tlbis);
}

void calls_change_no_tables(Evidence& e) {
  const u64 kernel_tables = arch::ttbr1().raw();
  seen_inside.clear();
  observe_syscalls(look_from_inside);
  ElfProblem problem;
  const Result<ProcessEnd> end = run_program("/bin/hello", {}, problem);
  observe_syscalls(nullptr);
  if (!e.require_value(end, "/bin/hello runs")) return;

  e.require(end.value().how == ProcessEnd::How::exited && seen_inside.size() >= 2,
            "it ran, and called");
  if (seen_inside.size() < 2) return;
  const Roots& inside = seen_inside[seen_inside.size() - 2];
  const Roots& next = seen_inside[seen_inside.size() - 1];
  e.show("{:<24} TTBR0 {:016x} TTBR1 {:016x}", "the program's own", own_root, kernel_tables);
  show(e, "inside a system call", inside);
  show(e, "inside the next one", next);
  e.require(inside.ttbr0 == own_root, "inside the call TTBR0 is still the program's");
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
