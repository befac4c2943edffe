// SPDX-License-Identifier: MIT
/// The instructions that the model must see, recognised by their words (Arm ARM C4.1, "A64
/// instruction set encoding"; C5, "The A64 System Instruction Class").
#pragma once

#include <cstdint>

namespace tlbsan {

/// A system register that translation depends on.
enum class Register : uint8_t {
  other,
  sctlr_el1,
  ttbr0_el1,
  ttbr1_el1,
  tcr_el1,
  vbar_el1,
  tpidr_el1,
  sp_el0,
  sctlr_el2,
  hcr_el2
};

/// Which entries a TLBI names.
enum class TlbiBy : uint8_t { none, everything, asid, va_asid, va };

struct Tlbi {
  TlbiBy by = TlbiBy::none;
  bool last_level = false;
  bool shareable = false;  // for every CPU; else for the one that executes it
  bool range = false;
  bool unknown = false;  // a form that the model does not know
};

struct Dsb {
  bool stores = false;     // earlier stores are visible to the walkers
  bool all = false;        // TLB maintenance is complete, too
  bool shareable = false;  // for every CPU
};

enum class Opcode : uint8_t { other, tlbi, dsb, isb, eret, dc_zva, write_register };

struct Instruction {
  Opcode opcode = Opcode::other;
  bool unprivileged = false;  // LDTR, STTR: an access with EL0's rights
  uint8_t rt = 31;            // the register it reads
  Tlbi tlbi;
  Dsb dsb;
  Register target = Register::other;
};

Instruction decode(uint32_t word);

/// "vaae1is": for reports.
const char* name_of(const Tlbi& tlbi);

}  // namespace tlbsan
