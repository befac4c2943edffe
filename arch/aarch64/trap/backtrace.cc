// SPDX-License-Identifier: MIT
/// The way that the code came: the chain of frame records, from x29 on (AAPCS64, "The Frame
/// Pointer"). Each is read by a probe, because the chain may be what is broken.
#include <arch/probe.h>
#include <arch/trap.h>

#include "arch/aarch64/hw/sysreg.h"
#include "kernel/log/symbols.h"

namespace meridian::arch {
namespace {

constexpr unsigned kMostFrames = 32;

/// The return addresses from the record at `fp` on, one a line.
void print_chain(Writer& out, u64 fp) {
  for (unsigned i = 0; i < kMostFrames; ++i) {
    if (fp == 0) return;
    const ProbeResult above = probe(VirtAddr(fp), ProbeKind::load64);
    const ProbeResult back = probe(VirtAddr(fp) + sizeof(u64), ProbeKind::load64);
    if (!above.ok || !back.ok) {
      print(out, "    the frame record at {:018X} cannot be read\n", fp);
      return;
    }
    if (back.value == 0) return;
    print(out, "    {}\n", ReturnAddress{back.value});
    fp = above.value;
  }
  out.write("    ...\n");
}

}  // namespace

[[gnu::noinline]] void print_backtrace(Writer& out) { print_chain(out, hw::read_fp()); }

void print_backtrace(Writer& out, const TrapFrame& frame) {
  if (frame.from_user()) return;
  print(out, "    {}\n", CodeAddress{frame.elr});
  const Esr esr(frame.esr);
  // A jump to nowhere has made no frame of its own, but left its return address.
  const bool jumped = esr.is_instruction_abort() || esr.ec() == ExceptionClass::pc_alignment;
  if (jumped) print(out, "    {}\n", ReturnAddress{frame.x[30]});
  print_chain(out, frame.x[29]);
}

}  // namespace meridian::arch
