// SPDX-License-Identifier: MIT
/// Section A of the tour: one address space, two halves.
#include <arch/irq.h>
#include <arch/paging.h>
#include <arch/probe.h>
#include <arch/registers.h>
#include <arch/translate.h>

#include <algorithm>
#include <optional>

#include "kernel/init/system.h"
#include "kernel/proc/run_program.h"
#include "kernel/tour/tour.h"
#include "mm/kernel/kernel_space.h"
#include "mm/kernel/linear_map.h"
#include "mm/layout/layout.h"
#include "mm/slab/kmalloc.h"
#include "mm/user/address_space.h"

namespace meridian {
namespace {

/// The last page that a program can have, mapped in a space of our own: under most layouts the
/// hole's lower neighbour.
Result<AddressSpace> space_with_last_page() {
  AddressSpace space = TRY(AddressSpace::create());
  const UserAddr last = UserAddr(current_layout().user_end() - 1).align_down(kPageSize);
  TRY(space.map_new({last, kPageSize}, kUserData));
  return space;
}

void show_region_sizes(Evidence& e) {
  for (const Region& region : current_layout().regions)
    if (region.kind == RegionKind::user || region.kind == RegionKind::hole)
      e.show("{:016x}..{:016x} {}", region.first, region.last, region.name);
  e.show("low half {}, high half {} ({} and {} bits); on x86-64 each has 128T",
         Bytes{arch::user_geometry().size()}, Bytes{arch::kernel_geometry().size()},
         arch::tcr().user_bits(), arch::tcr().kernel_bits());
}

/// A half as this CPU translates it now: the root in its register, and who is asked.
struct LiveHalf {
  const char* name;
  Frame root;
  Level first_level;
  arch::El el;
};

/// Prints each level of a walk for `va`, and what the MMU says of it; true if the walk starts with
/// the register's table, at the half's first level, and ends where the MMU does.
template <typename W>
bool show_walk(Evidence& e, const LiveHalf& half, VirtAddr va, const W& walk) {
  e.show("{} half, {}, root {}", half.name, va, half.root.address());
  for (const auto& step : walk)
    e.show("  L{} [{:>3}] {:016x} {} {}", number_of(step.level), step.index, step.entry.raw(),
           step.kind() == Kind::leaf ? "leaf, frame at" : "table at     ",
           step.entry.output().address());
  const arch::MmuAnswer mmu = arch::ask_mmu(va, arch::Access::read, half.el);
  if (!mmu.ok) {
    e.show("  the MMU: {}, level {}", name_of(mmu.fault.status), static_cast<i32>(mmu.fault.level));
    return false;
  }
  e.show("  the MMU: {}", mmu.pa);
  if (walk.why() != WalkEnd::leaf) return false;
  const u64 offset = va.value() & (arch::entry_span(walk.last().level) - 1);
  return walk.begin()->table == half.root && walk.begin()->level == half.first_level &&
         walk.last().entry.output().address() + offset == mmu.pa;
}

void two_roots(Evidence& e) {
  arch::tcr().describe(e.out());
  arch::mair().describe(e.out());
  arch::ttbr0().describe(e.out(), "TTBR0_EL1");
  arch::ttbr1().describe(e.out(), "TTBR1_EL1");
  show_region_sizes(e);
  e.require(arch::tcr().user_bits() == current_layout().user_bits, "T0SZ is the layout's low half");
  e.require(arch::tcr().kernel_bits() == current_layout().kernel_bits,
            "T1SZ is the layout's high half");

  Result<AddressSpace> space = space_with_last_page();
  if (!e.require_value(space, "a user space with one page")) return;
  const ActiveSpace active(space.value());
  const UserAddr user(current_layout().region(RegionKind::user).last);
  const VirtAddr kernel = VirtAddr::of(&kernel_space());
  const LiveHalf low{"low", arch::ttbr0().root(), arch::user_geometry().first_level(),
                     arch::El::el0};
  const LiveHalf high{"high", arch::ttbr1().root(), arch::kernel_geometry().first_level(),
                      arch::El::el1};
  e.require(show_walk(e, low, VirtAddr(user.value()), space.value().walk(user)),
            "a low address is walked from TTBR0's table to its page, as the MMU does");
  e.require(show_walk(e, high, kernel, kernel_space().walk(kernel)),
            "a high address is walked from TTBR1's table to its page, as the MMU does");
}

/// One load at `va` must fault as an address that no table was read for; shows what the CPU said.
bool is_in_the_hole(Evidence& e, u64 va) {
  const arch::ProbeResult probed = arch::probe(VirtAddr(va), arch::ProbeKind::load8);
  const bool faulted = !probed.ok && !probed.refused;
  if (!faulted) {
    e.show("{:016x}: the load went through", va);
    return false;
  }
  const Region& region = current_layout().region_of(probed.fault.address());
  e.show("{:016x}: ESR {:08x} FAR {:016x}: {}, level {}; region: {}", va, probed.fault.esr,
         probed.fault.far, name_of(probed.fault.kind()), probed.fault.level(), region.name);
  return probed.fault.kind() == arch::FaultKind::translation && probed.fault.level() == 0 &&
         probed.fault.far == va && region.kind == RegionKind::hole;
}

/// Both fault; the ESR says the same of both if the walk starts at L0. FAR tells, held against
/// TxSZ.
void tell_hole_from_empty_entry(Evidence& e, const Region& hole) {
  const VirtAddr inside(hole.first), empty((hole.first - 1) / 2);  // nothing is mapped at `empty`
  const arch::Geometry low = arch::tcr().geometry(arch::Half::low);
  const int first_level = static_cast<int>(number_of(low.first_level()));
  const arch::ProbeResult outside = arch::probe(inside, arch::ProbeKind::load8);
  const arch::ProbeResult unmapped = arch::probe(empty, arch::ProbeKind::user_load);
  e.show("{}: ESR {:08x}, level {}; region: {}", empty, unmapped.fault.esr, unmapped.fault.level(),
         current_layout().region_of(empty).name);
  e.require(!unmapped.ok && unmapped.fault.level() == first_level,
            "an address whose first-level entry is empty faults where its walk starts");
  e.show("ESR {:08x} there, {:08x} in the hole; T0SZ makes {} address bits", unmapped.fault.esr,
         outside.fault.esr, low.va_bits());
  e.require(
      !low.contains(VirtAddr(outside.fault.far)) && low.contains(VirtAddr(unmapped.fault.far)),
      "FAR against T0SZ tells which of the two it was");
}

void the_hole(Evidence& e) {
  const Region& hole = current_layout().region(RegionKind::hole);
  e.require(is_in_the_hole(e, hole.first), "its first byte faults: translation fault, level 0");
  e.require(is_in_the_hole(e, u64{1} << 63), "so does its middle");
  e.require(is_in_the_hole(e, hole.last), "so does its last byte");

  Result<AddressSpace> space = space_with_last_page();
  if (!e.require_value(space, "the page below the hole, mapped")) return;
  const ActiveSpace active(space.value());
  const VirtAddr highest(current_layout().user_end() - 1);
  const bool below = arch::probe(highest, arch::ProbeKind::user_load).ok;
  e.show("last byte of user space below the hole: {}", highest);
  e.require(below, "the last byte of user space can be read");
  const VirtAddr lowest = linear_map.virt().start();
  const bool above = arch::probe(lowest, arch::ProbeKind::load8).ok;
  e.show("lowest mapped byte above the hole: {}", lowest);
  e.require(above, "the lowest mapped byte above it can be read");

  tell_hole_from_empty_entry(e, hole);
}

constexpr u64 kTag = u64{0x5a} << 56;
constexpr u64 kTopByte = u64{0xff} << 56;

constexpr VirtAddr tagged(VirtAddr va) { return VirtAddr((va.value() & ~kTopByte) | kTag); }

/// Loads through a plain and a tagged pointer, with the top byte checked and then ignored.
struct TagTrial {
  arch::ProbeResult plain, checked, ignored;
};

TagTrial try_tag(VirtAddr va, arch::ProbeKind kind) {
  TagTrial trial;
  trial.plain = arch::probe(va, kind);
  trial.checked = arch::probe(tagged(va), kind);
  const arch::IrqGuard guard;
  arch::set_top_byte(arch::TopByte::ignored);
  trial.ignored = arch::probe(tagged(va), kind);
  arch::set_top_byte(arch::TopByte::checked);
  return trial;
}

void require_bit_55_decides(Evidence& e, const char* half, VirtAddr va, const TagTrial& trial) {
  e.show("{} {}, bit 55 = {}; tagged {}", half, va, va.value() >> 55 & 1, tagged(va));
  e.show("  TBI off: {}; TBI on: {}", trial.checked.fault, trial.ignored.ok ? "loaded" : "faulted");
  e.require(trial.plain.ok && !trial.checked.ok, "with TBI off the tag makes it no address at all");
  e.require(trial.ignored.ok && trial.ignored.value == trial.plain.value,
            "with TBI on it reads the same byte: bits 63..56 did not choose the root, bit 55 did");
}

void bit_55(Evidence& e) {
  const Result<void*> object = kmalloc(8);
  if (!e.require_value(object, "kmalloc(8)")) return;
  *static_cast<u8*>(object.value()) = 0x17;
  const VirtAddr high = VirtAddr::of(object.value());
  require_bit_55_decides(e, "high", high, try_tag(high, arch::ProbeKind::load8));
  kfree(object.value());

  Result<AddressSpace> space = space_with_last_page();
  if (!e.require_value(space, "a user space with one page")) return;
  const ActiveSpace active(space.value());
  const VirtAddr low(current_layout().region(RegionKind::user).last);
  if (!arch::probe_user_store(low, 1, 0x71).ok)
    return void(e.require(false, "a byte stored there"));
  require_bit_55_decides(e, "low ", low, try_tag(low, arch::ProbeKind::user_load));
}

/// Runs /bin/attack HOW VA and requires that it was killed for a right it does not have.
void require_killed(Evidence& e, std::string_view how, VirtAddr va) {
  BufferWriter<32> address;
  print(address, "{}", va);
  const std::array<std::string_view, 2> arguments{how, address.text()};
  ElfProblem problem;
  const Result<ProcessEnd> ran = run_program(
      "/bin/attack", {.arguments = arguments, .on_fault = Process::OnFault::be_silent}, problem);
  if (!e.require_value(ran, "/bin/attack runs")) return;
  const ProcessEnd& end = ran.value();
  const bool killed = end.how == ProcessEnd::How::killed;
  BufferWriter<128> what;
  print(what, "EL0 {} at {}: ", how, va);
  if (killed)
    print(what, "{}: killed by {}", end.fault, name_of_signal(static_cast<Signal>(end.status)));
  else
    print(what, "it lived, and ended with status {}", end.status);
  if (killed) e.show("ESR {:08x} FAR {:016x}", end.fault.esr, end.fault.far);
  e.require(killed && end.fault.kind() == arch::FaultKind::permission && end.fault.address() == va,
            what.text());
}

/// The leaf that maps `va`: it is there, for the kernel.
void show_leaf(Evidence& e, VirtAddr va) {
  const auto walk = kernel_space().walk(va);
  if (walk.why() != WalkEnd::leaf) return e.show("{} is not mapped", va);
  print(e.out(), "    {} L{} {:016x} ", va, number_of(walk.last().level), walk.last().entry.raw());
  walk.last().entry.describe(e.out(), walk.last().level);
  e.out().put('\n');
}

void two_privilege_levels(Evidence& e) {
  const Result<void*> object = kmalloc(64);
  if (!e.require_value(object, "kmalloc(64): a kernel page that is mapped")) return;
  auto& byte = *static_cast<volatile u8*>(object.value());
  byte = 0x3c;
  const VirtAddr va = VirtAddr::of(object.value());
  show_leaf(e, va);
  e.require(arch::probe(va, arch::ProbeKind::load8).ok, "EL1 can read it");
  for (std::string_view how : {"load", "store", "jump"}) require_killed(e, how, va);
  e.require(byte == 0x3c, "the kernel lives, and its byte is unchanged");
  kfree(object.value());
}

void require_offered(Evidence& e, const arch::TranslationChoice& offer) {
  const arch::Tcr tcr = arch::tcr();
  e.require(offer.support != arch::GranuleSupport::absent, "this CPU has the granule we use");
  const unsigned least = std::min(tcr.user_bits(), tcr.kernel_bits());
  const unsigned most = std::max(tcr.user_bits(), tcr.kernel_bits());
  e.require(offer.least_va_bits <= least && most <= offer.most_va_bits,
            "and lets both halves have as many address bits as they have");
}

/// One page is mapped, and nothing around it: so much can be read, and not a byte more.
void require_page_size(Evidence& e) {
  Result<AddressSpace> space = space_with_last_page();
  if (!e.require_value(space, "a user space with one page")) return;
  const ActiveSpace active(space.value());
  const VirtAddr last(current_layout().region(RegionKind::user).last);
  const VirtAddr first = last - (kPageSize - 1);
  const bool whole = arch::probe(first, arch::ProbeKind::user_load).ok &&
                     arch::probe(last, arch::ProbeKind::user_load).ok;
  const arch::ProbeResult below = arch::probe(first - 1, arch::ProbeKind::user_load);
  e.show("one page mapped, {} to {}; below it: {}", first, last, below.fault);
  e.require(whole && !below.ok,
            "one page is that many bytes: its first and last can be read, not the one below");
}

void sizes(Evidence& e) {
  for (const arch::Granule granule : arch::kGranules) {
    const arch::TranslationChoice offer = arch::translation_choice(granule);
    const bool ours = arch::bytes_of(granule) == kPageSize;
    e.show("{} {:>3} pages: {:<17} VA {}..{} bits, up to {} levels, PA {} bits", ours ? '*' : ' ',
           Bytes{arch::bytes_of(granule)}, name_of(offer.support), offer.least_va_bits,
           offer.most_va_bits, offer.most_levels, offer.pa_bits);
    if (ours) require_offered(e, offer);
  }
  const arch::Tcr tcr = arch::tcr();
  for (const arch::Half half : {arch::Half::low, arch::Half::high}) {
    const arch::Geometry shape = tcr.geometry(half);
    const std::optional<arch::Granule> granule = tcr.granule(half);
    e.show("{}: {} pages, {} bits, walks start at L{}", name_of(half),
           Bytes{granule ? arch::bytes_of(*granule) : 0}, shape.va_bits(),
           number_of(shape.first_level()));
    if (!e.require(granule && arch::bytes_of(*granule) == kPageSize,
                   "TCR_EL1 asks for the granule that is marked"))
      return;
  }
  require_page_size(e);
}

constexpr TourStop kStops[] = {
    {"A1", "TTBR0 serves the low half and TTBR1 the high half, each with tables of its own",
     two_roots},
    {"A2", "Between the halves lies a hole: its addresses are invalid by their top bits alone",
     the_hole},
    {"A3", "Bit 55 chooses the root, so a tagged pointer still picks the right half", bit_55},
    {"A4", "EL0 cannot touch the kernel half although it is mapped", two_privilege_levels},
    {"A5",
     "The page size, the levels and the address bits are a choice, and the layout follows from it",
     sizes},
};

}  // namespace

std::span<const TourStop> halves_stops() { return kStops; }

}  // namespace meridian
