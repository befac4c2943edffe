// SPDX-License-Identifier: MIT
/// An exception in words that a person can act on: what happened, where the address lies, the walk
/// that the MMU made for it, whether the tables would allow it now, and how the code came there. It
/// reads whatever may be broken by probes, and takes no lock.
#include <arch/probe.h>
#include <arch/translate.h>
#include <arch/trap.h>

#include "arch/aarch64/regs/spsr.h"
#include "arch/aarch64/trap/walk_now.h"
#include "kernel/log/symbols.h"
#include "mm/image.h"
#include "mm/layout/layout.h"

namespace meridian::arch {
namespace {

/// A part of the kernel image, and what to call it.
struct ImagePart {
  VirtRange (*range)();
  const char* name;
};
constexpr ImagePart kImageParts[] = {
    {image_text, "the kernel's text"},
    {image_rodata, "the kernel's read-only data"},
    {image_data, "the kernel's data"},
    {boot_stack, "the boot stack"},
};

/// Where the kernel stack starts that `sp` belongs to, whether or not it ran over: the upper half
/// of its block.
VirtAddr stack_start(u64 sp) {
  return VirtAddr(align_down(sp - 1, 2 * kKernelStackSize) + kKernelStackSize);
}

void print_image_part(Writer& out, VirtAddr va) {
  for (const ImagePart& part : kImageParts) {
    if (!part.range().contains(va)) continue;
    print(out, ", in {}", part.name);
    return;
  }
  if (image_range().contains(va)) out.write(", in the image, where nothing is mapped");
}

/// What an address suggests beyond its region.
void print_suspicion(Writer& out, VirtAddr va, const TrapFrame& frame) {
  constexpr u64 kNullZone = 64_KiB;
  const VirtAddr stack = stack_start(frame.sp);
  if (va.value() < kNullZone)
    out.write(": a null pointer, or a field of one");
  else if (!frame.from_user() && va >= stack - kKernelStackSize && va < stack)
    out.write(": right below the stack, which ran over");
}

void print_place(Writer& out, VirtAddr va, const TrapFrame& frame) {
  const Region& region = current_layout().region_of(va);
  print(out, "  address   {} ", va);
  if (region.kind == RegionKind::hole) {
    const Geometry geometry = half_of(va) == Half::low ? user_geometry() : kernel_geometry();
    print(out, "in the hole between the halves: bits 63 to {} are neither all 0 nor all 1\n",
          geometry.va_bits());
    return;
  }
  print(out, "in the {}, region \"{}\"", name_of(half_of(va)), region.name);
  print_image_part(out, va);
  print_suspicion(out, va, frame);
  out.put('\n');
}

void print_walk(Writer& out, VirtAddr va) {
  const WalkNow now = walk_now(va);
  if (now.walk.why() == WalkEnd::outside_half) {
    out.write("  walk      none: the top bits alone make the address invalid\n");
    return;
  }
  print(out, "  walk      {} = {}\n", now.half == Half::low ? "TTBR0" : "TTBR1",
        now.root.address());
  for (const Walk<Format>::Step& step : now.walk) {
    print(out, "            L{}[{}] {:018X} ", number_of(step.level), step.index, step.entry.raw());
    step.entry.describe(out, step.level);
    out.put('\n');
  }
  if (now.unreadable)
    out.write("            stops: the table there cannot be read\n");
  else if (now.walk.why() == WalkEnd::invalid)
    print(out, "            stops at L{}: nothing is mapped there\n",
          number_of(now.walk.last().level));
}

/// True if EL1's access was refused only because the page is a program's (PSTATE.PAN).
bool is_pan_fault(const TrapFrame& frame, const Fault& fault) {
  if (frame.from_user() || !Spsr::PAN::is_set(frame.spsr)) return false;
  if (fault.kind() != FaultKind::permission || fault.access() == FaultAccess::execute) return false;
  return ask_mmu(fault.address(), Access::read, El::el0).ok;
}

/// AT answers for reads and writes; for a fetch the tables are read.
bool is_allowed_now(const TrapFrame& frame, const Fault& fault) {
  const VirtAddr va = fault.address();
  if (fault.access() == FaultAccess::execute)
    return (frame.from_user() ? el0_rights_now(va) : el1_rights_now(va)).execute;
  const Access access = fault.access() == FaultAccess::write ? Access::write : Access::read;
  return ask_mmu(va, access, frame.from_user() ? El::el0 : El::el1).ok;
}

/// Do the tables agree with the fault? If not, the TLB had something older in it, or somebody has
/// changed them since.
void print_verdict(Writer& out, const TrapFrame& frame, const Fault& fault) {
  const bool about_tables = fault.kind() == FaultKind::translation ||
                            fault.kind() == FaultKind::permission ||
                            fault.kind() == FaultKind::access_flag;
  if (!about_tables) return;
  out.write("  now       ");
  if (is_pan_fault(frame, fault))
    out.write("PSTATE.PAN keeps EL1 out of a program's page: only user copies may go there\n");
  else if (is_allowed_now(frame, fault))
    out.write("the tables allow it: the TLB held something older (an invalidation is missing)\n");
  else
    print(out, "the tables do not allow this {}: the fault is what they say\n",
          name_of(fault.access()));
}

void print_instruction(Writer& out, const TrapFrame& frame) {
  print(out, "  at        {}", CodeAddress{frame.elr});
  const ProbeResult word = probe_instruction(frame);
  if (word.ok)
    print(out, ": instruction {:08x}\n", word.value);
  else
    out.write(": no instruction can be read there\n");
}

}  // namespace

void print_registers(Writer& out, const TrapFrame& frame) {
  constexpr unsigned kAcross = 4;
  for (unsigned i = 0; i < std::size(frame.x); ++i) {
    print(out, "  x{:<2} {:016x}", i, frame.x[i]);
    if (i % kAcross == kAcross - 1) out.put('\n');
  }
  print(out, "  sp  {:016x}\n", frame.sp);
  print(out, "  elr {:016x}  spsr {:08x} (", frame.elr, frame.spsr);
  Spsr(frame.spsr).describe(out);
  out.write(")\n");
}

void report_fault(Writer& out, const TrapFrame& frame, const Fault& fault) {
  print(out, "  what      ESR {:010X}: ", fault.esr);
  describe_esr(out, fault.esr);
  out.put('\n');
  if (fault.has_address()) {
    print_place(out, fault.address(), frame);
    print_walk(out, fault.address());
    print_verdict(out, frame, fault);
  }
  print_instruction(out, frame);
  print_registers(out, frame);
  if (frame.from_user()) return;
  out.write("  by way of\n");
  print_backtrace(out, frame);
}

}  // namespace meridian::arch
