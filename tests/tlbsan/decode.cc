// SPDX-License-Identifier: MIT
#include "tests/tlbsan/decode.h"

namespace tlbsan {
namespace {

constexpr uint32_t bits(uint32_t word, unsigned high, unsigned low) {
  return word >> low & ((1u << (high - low + 1)) - 1);
}

/// op1, CRn, CRm and op2 of a system instruction as one number.
constexpr uint32_t operation(uint32_t op1, uint32_t crn, uint32_t crm, uint32_t op2) {
  return op1 << 16 | crn << 12 | crm << 8 | op2 << 5;
}
constexpr uint32_t kOperationMask = operation(7, 15, 15, 7);

Register register_of(uint32_t word) {
  switch (word & kOperationMask) {
    case operation(0, 1, 0, 0):
      return Register::sctlr_el1;
    case operation(0, 2, 0, 0):
      return Register::ttbr0_el1;
    case operation(0, 2, 0, 1):
      return Register::ttbr1_el1;
    case operation(0, 2, 0, 2):
      return Register::tcr_el1;
    case operation(0, 4, 1, 0):
      return Register::sp_el0;
    case operation(0, 12, 0, 0):
      return Register::vbar_el1;
    case operation(0, 13, 0, 4):
      return Register::tpidr_el1;
    case operation(4, 1, 0, 0):
      return Register::sctlr_el2;
    case operation(4, 1, 1, 0):
      return Register::hcr_el2;
  }
  return Register::other;
}

/// The forms of EL1: CRm says for whom, op2 what. CRn is 9 for the twins without XS, which differ
/// only in what a DSB nXS waits for.
Tlbi tlbi_of_el1(uint32_t crm, uint32_t op2) {
  Tlbi tlbi;
  tlbi.shareable = crm == 1 || crm == 2 || crm == 3 || crm == 5;
  tlbi.range = crm == 2 || crm == 5 || crm == 6;
  const bool plain = crm == 1 || crm == 3 || crm == 7;
  tlbi.unknown = !plain && !tlbi.range;
  tlbi.last_level = op2 == 5 || op2 == 7;
  if (op2 == 0 && plain)
    tlbi.by = TlbiBy::everything;
  else if (op2 == 2 && plain)
    tlbi.by = TlbiBy::asid;
  else if (op2 == 1 || op2 == 5)
    tlbi.by = TlbiBy::va_asid;
  else if (op2 == 3 || op2 == 7)
    tlbi.by = TlbiBy::va;
  else
    tlbi.unknown = true;
  return tlbi;
}

Tlbi tlbi_of(uint32_t word) {
  const uint32_t op1 = bits(word, 18, 16), crm = bits(word, 11, 8), op2 = bits(word, 7, 5);
  if (op1 == 0) return tlbi_of_el1(crm, op2);
  Tlbi tlbi;
  // From EL2: ALLE1 and VMALLS12E1 empty EL1's TLB; the rest is about EL2 itself, or stage 2.
  if (op1 == 4 && (op2 == 4 || op2 == 6)) tlbi.by = TlbiBy::everything;
  tlbi.shareable = crm != 7;
  return tlbi;
}

Dsb dsb_of(uint32_t word) {
  const uint32_t domain = bits(word, 11, 10), types = bits(word, 9, 8);
  return {.stores = types >= 2, .all = types == 3, .shareable = domain != 1};
}

}  // namespace

Instruction decode(uint32_t word) {
  Instruction found;
  found.rt = static_cast<uint8_t>(bits(word, 4, 0));
  const uint32_t crn = bits(word, 15, 12);
  if ((word & 0xfff8'0000) == 0xd508'0000 && (crn == 8 || crn == 9)) {
    found.opcode = Opcode::tlbi;
    found.tlbi = tlbi_of(word);
  } else if ((word & 0xfff8'0000) == 0xd518'0000) {
    found.target = register_of(word);
    if (found.target != Register::other) found.opcode = Opcode::write_register;
  } else if ((word & 0xffff'f0ff) == 0xd503'309f && bits(word, 9, 8) != 0) {
    found.opcode = Opcode::dsb;
    found.dsb = dsb_of(word);
  } else if ((word & 0xffff'f0ff) == 0xd503'30df) {
    found.opcode = Opcode::isb;
  } else if (word == 0xd69f'03e0) {
    found.opcode = Opcode::eret;
  } else if ((word & 0xffff'ffe0) == 0xd50b'7420) {
    found.opcode = Opcode::dc_zva;
  }
  // size 111 V=0 00 opc 0 imm9 10: the unprivileged loads and stores.
  found.unprivileged = (word & 0x3f20'0c00) == 0x3800'0800;
  return found;
}

const char* name_of(const Tlbi& tlbi) {
  const bool all = tlbi.shareable;
  switch (tlbi.by) {
    case TlbiBy::everything:
      return all ? "vmalle1is" : "vmalle1";
    case TlbiBy::asid:
      return all ? "aside1is" : "aside1";
    case TlbiBy::va_asid:
      if (tlbi.last_level) return all ? "vale1is" : "vale1";
      return all ? "vae1is" : "vae1";
    case TlbiBy::va:
      if (tlbi.last_level) return all ? "vaale1is" : "vaale1";
      return all ? "vaae1is" : "vaae1";
    case TlbiBy::none:
      break;
  }
  return "none of EL1's";
}

}  // namespace tlbsan
