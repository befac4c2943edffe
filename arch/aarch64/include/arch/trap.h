// SPDX-License-Identifier: MIT
/// Exceptions as the kernel sees them: the registers of what was interrupted (TrapFrame), and why
/// (Fault, which prints itself in words). How they come in is arch/aarch64/trap/vectors.S; where
/// they go is kernel/entry.h.
#pragma once

#include "arch/aarch64/regs/esr.h"
#include "arch/aarch64/regs/spsr.h"
#include "kernel/lib/format.h"
#include "kernel/lib/types.h"
#include "mm/address.h"
#include "mm/page_size.h"

namespace meridian::arch {

/// Every general register of the interrupted code, as vectors.S stores them on the kernel stack and
/// loads them again on the way back. `sp` is SP_EL0 if EL0 was interrupted; for EL1 it is what SP
/// was, and a changed value has no effect. `esr` and `far` are not stored for SVCs and interrupts.
struct TrapFrame {
  u64 x[31];
  u64 sp;
  u64 elr, spsr;
  u64 esr, far;
  u64 record[2];  // EL1 only: a frame record, so that a backtrace goes on into what was interrupted

  /// True if EL0 was interrupted (AArch64 or, which we never start, AArch32).
  constexpr bool from_user() const { return (spsr & 0xf) == 0; }
  /// Were interrupts masked there?
  constexpr bool irqs_masked() const { return Spsr::I::is_set(spsr); }
};
static_assert(sizeof(TrapFrame) % 16 == 0, "SP stays aligned when a frame is pushed");

/// Why the CPU refused, without the differences that no caller cares about.
enum class FaultKind : u8 {
  translation,  // nothing is mapped there
  access_flag,
  permission,  // mapped, without this right
  alignment,
  external,  // nothing answers at the physical address
  other,     // see esr
};

enum class FaultAccess : u8 { read, write, execute };

/// One synchronous exception that was not a system call.
struct Fault {
  u64 esr = 0, far = 0, elr = 0;

  /// What `frame` was stored for.
  static constexpr Fault of(const TrapFrame& frame) { return {frame.esr, frame.far, frame.elr}; }

  constexpr Esr syndrome() const { return Esr(esr); }
  bool from_user() const;
  FaultKind kind() const;
  FaultAccess access() const {
    if (syndrome().is_instruction_abort() || syndrome().ec() == ExceptionClass::pc_alignment)
      return FaultAccess::execute;
    return syndrome().is_write() ? FaultAccess::write : FaultAccess::read;
  }
  /// An abort at a known address because the tables say so: kind() is translation, access_flag or
  /// permission, of levels 0 to 3. For those who must know it fast.
  bool is_about_tables() const {
    const u64 group = Esr::DFSC::decode(esr) >> 2;
    return syndrome().is_abort() && !Esr::FnV::is_set(esr) && group >= 1 && group <= 3;
  }
  /// The address that was accessed; meaningful if has_address().
  VirtAddr address() const { return VirtAddr(far); }
  bool has_address() const { return syndrome().far_is_valid(); }
  /// The level of the walk it happened at, or -1.
  int level() const;
};

/// "translation fault", "permission fault", ...
const char* name_of(FaultKind kind);
/// "read", "write", "execute".
const char* name_of(FaultAccess access);

/// Prints a fault in a few words: "write at 0x0000000000000008: translation fault at level 0".
void format_value(Writer& out, const Fault& fault, const FormatSpec& spec);

/// From now on this CPU's exceptions come to our vectors. Needs the CPU's index (<arch/cpu.h>).
void install_vectors();

/// Reports of CPU `cpu`'s stack overflows run on the stack that ends at `top`: one placed as every
/// kernel stack is (mm/page_size.h). CPU 0 has one in the image.
void set_overflow_stack(unsigned cpu, VirtAddr top);

/// Everything there is to say about an exception: what happened, where the address lies, the walk
/// to it, the instruction, the registers, how the code came there.
void report_fault(Writer& out, const TrapFrame& frame, const Fault& fault);

/// Takes the exception of an undefined instruction.
extern "C" void execute_undefined_instruction();

/// The registers of a frame, four a line.
void print_registers(Writer& out, const TrapFrame& frame);

/// The calls that led to the caller, innermost first.
void print_backtrace(Writer& out);
/// The calls that led to what `frame` interrupted (nothing for a program).
void print_backtrace(Writer& out, const TrapFrame& frame);

}  // namespace meridian::arch
