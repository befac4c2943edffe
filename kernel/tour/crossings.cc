// SPDX-License-Identifier: MIT
/// Section B of the tour: the kernel in every process, and what a crossing between the two changes.
#include <arch/interrupts.h>
#include <arch/paging.h>
#include <arch/registers.h>
#include <arch/tlb.h>
#include <arch/translate.h>

#include <array>

#include "kernel/init/system.h"
#include "kernel/lib/fixed_vector.h"
#include "kernel/proc/run_program.h"
#include "kernel/syscall/syscall.h"
#include "kernel/tour/pages.h"
#include "kernel/tour/watch.h"
#include "mm/kernel/kernel_space.h"
#include "mm/kernel/linear_map.h"
#include "mm/user/active_user_space.h"
#include "mm/user/user_copy.h"
#include "mm/user/user_frame.h"

namespace meridian {
namespace {

/// What would change if a crossing switched address spaces.
struct Roots {
  u64 ttbr0, ttbr1, tlbis;

  static Roots now() { return {arch::ttbr0().raw(), arch::ttbr1().raw(), arch::tlbi_count()}; }
  friend bool operator==(const Roots&, const Roots&) = default;
};

/// The calls of the program that runs: between two of them it was back at EL0.
struct Seen {
  Roots roots;
  u64 faults;  // that the program had had
};
constinit FixedVector<Seen, 16> seen_inside{};

/// What TTBR0 should hold for it, from its space.
constinit u64 own_root = 0;

void look_from_inside(const Syscall& call) {
  UserSpace& space = call.caller.space();
  own_root = arch::Ttbr(space.root(), space.asid().asid()).raw();
  const Roots roots = Roots::now();
  arch::unmask_interrupts();  // as in the call itself: the space's lock may sleep
  static_cast<void>(seen_inside.push({roots, space.stats().minor_faults}));
  arch::mask_interrupts();
}

/// A call that came after the one before it without a fault in between, since a fault may change
/// tables: one at which something had changed, else the last. 0 if there is none.
usize call_without_faults() {
  usize found = 0;
  for (usize i = 1; i < seen_inside.size(); ++i) {
    if (seen_inside[i].faults != seen_inside[i - 1].faults) continue;
    found = i;
    if (seen_inside[i].roots != seen_inside[i - 1].roots) break;
  }
  return found;
}

void show(Evidence& e, const char* when, const Roots& t) {
  e.show("{:<24} TTBR0 {:016x} TTBR1 {:016x} TLBIs {}", when, t.ttbr0, t.ttbr1, t.tlbis);
}

void calls_change_no_tables(Evidence& e) {
  const u64 kernel_tables = arch::ttbr1().raw();
  seen_inside.clear();
  observe_syscalls(look_from_inside);
  ElfProblem problem;
  constexpr std::string_view kWords[] = {"and", "again"};  // a line, and a call, for each
  const Result<ProcessEnd> end = run_program("/bin/hello", {.arguments = kWords}, problem);
  observe_syscalls(nullptr);
  if (!e.require_value(end, "/bin/hello runs")) return;

  const usize second = call_without_faults();
  if (!e.require(end.value().how == ProcessEnd::How::exited && second != 0,
                 "it ran, and called twice without a page fault in between"))
    return;
  const Roots &inside = seen_inside[second - 1].roots, &next = seen_inside[second].roots;
  e.show("{:<24} TTBR0 {:016x} TTBR1 {:016x}", "the program's own", own_root, kernel_tables);
  show(e, "inside a system call", inside);
  show(e, "inside the next one", next);
  e.require(inside.ttbr0 == own_root, "inside the call TTBR0 is still the program's");
  e.require(inside.ttbr1 == kernel_tables, "and TTBR1 the kernel's, as before the program ran");
  e.require(inside == next,
            "back at EL0 and in again: no register changed, and no TLBI was issued");
}

/// Two processes of one program at their marks, both after a write to the same address.
struct Pair {
  Stop a, b;
};

/// Starts /bin/private and waits until both stand still.
std::optional<Pair> require_pair(Evidence& e, Watch& watch) {
  if (!e.require(watch.start("/bin/private").has_value(), "/bin/private runs")) return {};
  std::optional<Stop> a = require_mark(e, watch, "a process, standing still");
  if (!a) return {};
  std::optional<Stop> b = require_mark(e, watch, "and another, at the same place in its program");
  if (!b) return {};
  return Pair{std::move(*a), std::move(*b)};
}

u64 kernel_walk_length(VirtAddr va, Frame root, std::span<Frame> tables) {
  KernelTableStore store;
  u64 count = 0;
  for (const auto& step : walk_tables<arch::Format>(arch::kernel_geometry(), store, root, va))
    if (count < tables.size()) tables[count++] = step.table;
  return count;
}

/// What a process has of the kernel half: its root as TTBR1 had it, and the tables and the frame
/// that a walk from there finds.
struct KernelView {
  std::array<Frame, std::size(kLevels)> tables{};
  u64 levels = 0;
  PhysAddr pa;
};

KernelView show_kernel_view(Evidence& e, const Stop& stop, VirtAddr va) {
  const ActiveUserSpace active(*stop.space);
  KernelView view;
  const arch::Ttbr root(stop.ttbr1);
  view.levels = kernel_walk_length(va, root.root(), view.tables);
  const arch::MmuAnswer mmu = arch::ask_mmu(va, arch::Access::read, arch::El::el1);
  if (mmu.ok) view.pa = mmu.pa;
  e.show("process {:<4} TTBR1 {:016x}: {} -> {}, {} tables read, {} of its own below TTBR0",
         stop.process->pid(), stop.ttbr1, va, view.pa, view.levels, stop.space->table_count());
  return view;
}

void one_kernel_for_all(Evidence& e) {
  Watch watch;
  const std::optional<Pair> pair = require_pair(e, watch);
  if (!pair) return;
  const Result<Frame> frame = alloc_frame(FrameOwner::kernel);
  if (!e.require_value(frame, "a page of the kernel's")) return;
  const FrameRef holding = FrameRef::adopt(frame.value());
  const VirtAddr va = VirtAddr::of(linear_map.pointer(frame.value()));
  e.show("the kernel has a page at {}", va);
  const KernelView a = show_kernel_view(e, pair->a, va), b = show_kernel_view(e, pair->b, va);
  e.require(pair->a.ttbr0 != pair->b.ttbr0, "each has tables of its own for the low half");
  e.require(pair->a.ttbr1 == pair->b.ttbr1, "both have the same root for the high half");
  e.require(a.levels != 0 && a.tables == b.tables, "from there on the walk reads the same tables");
  e.require(a.pa == b.pa && a.pa != PhysAddr(), "so the same kernel address is the same frame");
  require_good_end(e, watch);
}

/// Copies, with the faults that they cost.
struct CopyTrial {
  Result<void> result;
  u64 faults;
};
template <typename Copy>
CopyTrial try_copy(Evidence& e, UserSpace& space, std::string_view what, Copy&& copy) {
  const u64 before = space.stats().minor_faults;
  const Result<void> result = copy();
  const u64 faults = space.stats().minor_faults - before;
  e.show("{:<38} {}, {} faults", what, result.has_value() ? "done" : name_of(result.error().code),
         faults);
  return {result, faults};
}

constexpr u64 kPattern = 0x6d65'7269'6469'616e;

void try_bad_addresses(Evidence& e, UserSpace& space, UserAddr hole) {
  u64 kept = kPattern;
  const auto into_kept = std::as_writable_bytes(std::span(&kept, 1));
  const VirtAddr kernel = VirtAddr::of(&kernel_space());
  const CopyTrial nothing = try_copy(e, space, "from an address where nothing is",
                                     [&] { return copy_from_user(into_kept, hole); });
  const CopyTrial secret = try_copy(e, space, "from a kernel address", [&] {
    return copy_from_user(into_kept, UserAddr(kernel.value()));
  });
  const auto is_fault = [](const CopyTrial& trial) {
    return !trial.result.has_value() && trial.result.error().code == Errc::fault;
  };
  e.require(is_fault(nothing) && is_fault(secret), "a bad address is an error (EFAULT), no panic");
  e.require(kept == kPattern, "and nothing of the kernel's was copied");
}

void copies_are_memory_copies(Evidence& e) {
  Watch watch;
  if (!e.require(watch.start("/bin/demand").has_value(), "/bin/demand runs")) return;
  const std::optional<Stop> stop = require_mark(e, watch, "it has eight pages, and touched none");
  if (!stop) return;
  UserSpace& space = *stop->space;
  const UserAddr page = stop->pages.start();
  const ActiveUserSpace active(space);
  e.show("its first page is {}, untouched", page);
  const auto out = [&] { return write_user(page, kPattern); };
  const CopyTrial first = try_copy(e, space, "to a page that is not there yet", out);
  e.require(first.result.has_value() && first.faults == 1,
            "one demand fault, taken by the kernel's own store, and the copy went on");
  const CopyTrial again = try_copy(e, space, "to the same page", out);
  e.require(again.result.has_value() && again.faults == 0, "now it is a memory copy, and no more");
  u64 seen = 0;
  const CopyTrial back = try_copy(e, space, "and back", [&]() -> Result<void> {
    seen = TRY(read_user<u64>(page));
    return {};
  });
  e.require(back.result.has_value() && seen == kPattern, "what was written is read");
  try_bad_addresses(e, space, UserAddr(kPageSize));
  require_good_end(e, watch);
}

/// Makes `stop`'s space the active one, and shows what that did.
arch::Ttbr show_switch(Evidence& e, const Stop& stop) {
  const ActiveUserSpace active(*stop.space);
  const arch::Ttbr now = arch::ttbr0();
  const Frame pgd = stop.space->root();
  e.show("process {:<4} pgd at {}, __pa {}; TTBR0 {:016x}: table {}, ASID {:X}",
         stop.process->pid(), VirtAddr::of(linear_map.pointer(pgd)), pgd.address(), now.raw(),
         now.table(), now.asid());
  const bool is_pa =
      linear_map.to_phys(VirtAddr::of(linear_map.pointer(pgd))).value() == now.table();
  e.require(is_pa,
            "TTBR0 holds __pa of the page directory, which the kernel has at a linear address");
  return now;
}

void a_switch_replaces_ttbr0(Evidence& e) {
  Watch watch;
  const std::optional<Pair> pair = require_pair(e, watch);
  if (!pair) return;
  const u64 ttbr1 = arch::ttbr1().raw(), tlbis = arch::tlbi_count();
  const arch::Ttbr a = show_switch(e, pair->a), b = show_switch(e, pair->b);
  const u64 tlbis_now = arch::tlbi_count();
  e.show("TTBR1 {:016x} before, {:016x} after; {} TLBIs", ttbr1, arch::ttbr1().raw(),
         tlbis_now - tlbis);
  e.require(a.table() != b.table() && a.asid() != b.asid(),
            "the other process has another directory and another ASID");
  e.require(arch::ttbr1().raw() == ttbr1, "TTBR1 stayed");
  e.require(tlbis_now == tlbis, "and no TLB entry was thrown away: the ASID tells them apart");
  require_good_end(e, watch);
}

void separate_kernel_space(Evidence& e) {
  e.does_not_apply("the kernel cannot have a space of its own yet (kernel=separate): later");
}

std::optional<Frame> show_page(Evidence& e, const Stop& stop, UserAddr page, char& byte) {
  const std::optional<Frame> frame = frame_of(*stop.space, page);
  (void)stop.space->read(page, std::as_writable_bytes(std::span(&byte, 1)));
  e.show("process {:<4} {}: PFN {:x}, holds '{}'", stop.process->pid(), page,
         frame ? frame->number() : 0, byte);
  return frame;
}

void user_spaces_are_private(Evidence& e) {
  Watch watch;
  const std::optional<Pair> pair = require_pair(e, watch);
  if (!pair) return;
  const UserAddr page = pair->a.pages.start();
  e.show("both wrote to the same address: {}", page);
  if (!e.require(pair->b.pages.start() == page, "the address is one")) return;
  char a_byte = 0, b_byte = 0;
  const std::optional<Frame> a = show_page(e, pair->a, page, a_byte);
  const std::optional<Frame> b = show_page(e, pair->b, page, b_byte);
  e.require(a && b && *a != *b, "there each has a frame of its own");
  e.require(a_byte != b_byte, "and neither sees the other's byte");
  require_good_end(e, watch);
}

constexpr TourStop kStops[] = {
    {"B1", "Every process contains the same kernel: the same addresses, frames and tables",
     one_kernel_for_all},
    {"B2", "A system call changes the privilege level, not the page tables",
     calls_change_no_tables},
    {"B3", "So the kernel reads and writes user memory directly, but for page faults",
     copies_are_memory_copies},
    {"B4", "A process switch replaces TTBR0 only, by the physical address of a page directory",
     a_switch_replaces_ttbr0},
    {"B5", "A kernel with a space of its own pays for each crossing", separate_kernel_space},
    {"B6", "User spaces are private: the same address in two processes is two frames",
     user_spaces_are_private},
};

}  // namespace

std::span<const TourStop> crossing_stops() { return kStops; }

}  // namespace meridian
