// SPDX-License-Identifier: MIT
#include "arch/aarch64/regs/esr.h"

namespace meridian::arch {
namespace {

/// Four codes in a row, levels 0 to 3.
struct LevelledCodes {
  u8 first;
  FaultStatus status;
};
constexpr LevelledCodes kLevelledCodes[] = {
    {0x00, FaultStatus::address_size},
    {0x04, FaultStatus::translation},
    {0x08, FaultStatus::access_flag},
    {0x0c, FaultStatus::permission},
    {0x14, FaultStatus::external_on_walk},
    {0x1c, FaultStatus::parity_on_walk},
    {0x24, FaultStatus::granule_protection_on_walk},
};

struct SingleCode {
  u8 code;
  FaultCode meaning;
};
constexpr SingleCode kSingleCodes[] = {
    {0x10, {FaultStatus::external}},
    {0x11, {FaultStatus::tag_check}},
    {0x12, {FaultStatus::external_on_walk, -2}},
    {0x13, {FaultStatus::external_on_walk, -1}},
    {0x18, {FaultStatus::parity}},
    {0x1a, {FaultStatus::parity_on_walk, -2}},
    {0x1b, {FaultStatus::parity_on_walk, -1}},
    {0x21, {FaultStatus::alignment}},
    {0x22, {FaultStatus::granule_protection_on_walk, -2}},
    {0x23, {FaultStatus::granule_protection_on_walk, -1}},
    {0x28, {FaultStatus::granule_protection}},
    {0x29, {FaultStatus::address_size, -1}},
    {0x2a, {FaultStatus::translation, -2}},
    {0x2b, {FaultStatus::translation, -1}},
    {0x2c, {FaultStatus::address_size, -2}},
    {0x30, {FaultStatus::tlb_conflict}},
    {0x31, {FaultStatus::atomic_update}},
    {0x34, {FaultStatus::lockdown}},
    {0x35, {FaultStatus::unsupported_exclusive}},
    {0x3d, {FaultStatus::domain, 1}},
    {0x3e, {FaultStatus::domain, 2}},
};

/// A system register by its encoding, op0 to op2 as the manual prints them.
struct SystemName {
  u8 op0, op1, crn, crm, op2;
  char name[17];  // not a pointer: that would be a relocation each at boot
};
// What a program may be refused, and what a kernel of another configuration may trap on.
constexpr SystemName kSystemNames[] = {
    {3, 3, 0, 0, 1, "CTR_EL0"},
    {3, 3, 0, 0, 7, "DCZID_EL0"},
    {3, 3, 4, 2, 0, "NZCV"},
    {3, 3, 4, 2, 1, "DAIF"},
    {3, 3, 4, 4, 0, "FPCR"},
    {3, 3, 4, 4, 1, "FPSR"},
    {3, 3, 2, 4, 0, "RNDR"},
    {3, 3, 2, 4, 1, "RNDRRS"},
    {3, 3, 9, 12, 0, "PMCR_EL0"},
    {3, 3, 9, 12, 1, "PMCNTENSET_EL0"},
    {3, 3, 9, 12, 2, "PMCNTENCLR_EL0"},
    {3, 3, 9, 12, 3, "PMOVSCLR_EL0"},
    {3, 3, 9, 12, 5, "PMSELR_EL0"},
    {3, 3, 9, 13, 0, "PMCCNTR_EL0"},
    {3, 3, 9, 13, 1, "PMXEVTYPER_EL0"},
    {3, 3, 9, 13, 2, "PMXEVCNTR_EL0"},
    {3, 3, 9, 14, 0, "PMUSERENR_EL0"},
    {3, 3, 13, 0, 2, "TPIDR_EL0"},
    {3, 3, 13, 0, 3, "TPIDRRO_EL0"},
    {3, 3, 14, 0, 0, "CNTFRQ_EL0"},
    {3, 3, 14, 0, 1, "CNTPCT_EL0"},
    {3, 3, 14, 0, 2, "CNTVCT_EL0"},
    {3, 3, 14, 2, 0, "CNTP_TVAL_EL0"},
    {3, 3, 14, 2, 1, "CNTP_CTL_EL0"},
    {3, 3, 14, 2, 2, "CNTP_CVAL_EL0"},
    {3, 3, 14, 3, 0, "CNTV_TVAL_EL0"},
    {3, 3, 14, 3, 1, "CNTV_CTL_EL0"},
    {3, 3, 14, 3, 2, "CNTV_CVAL_EL0"},
    {3, 0, 0, 0, 0, "MIDR_EL1"},
    {3, 0, 0, 0, 5, "MPIDR_EL1"},
    {3, 0, 0, 0, 6, "REVIDR_EL1"},
    {3, 0, 0, 4, 0, "ID_AA64PFR0_EL1"},
    {3, 0, 0, 4, 1, "ID_AA64PFR1_EL1"},
    {3, 0, 0, 4, 4, "ID_AA64ZFR0_EL1"},
    {3, 0, 0, 5, 0, "ID_AA64DFR0_EL1"},
    {3, 0, 0, 5, 1, "ID_AA64DFR1_EL1"},
    {3, 0, 0, 6, 0, "ID_AA64ISAR0_EL1"},
    {3, 0, 0, 6, 1, "ID_AA64ISAR1_EL1"},
    {3, 0, 0, 6, 2, "ID_AA64ISAR2_EL1"},
    {3, 0, 0, 7, 0, "ID_AA64MMFR0_EL1"},
    {3, 0, 0, 7, 1, "ID_AA64MMFR1_EL1"},
    {3, 0, 0, 7, 2, "ID_AA64MMFR2_EL1"},
    {3, 0, 1, 0, 0, "SCTLR_EL1"},
    {3, 0, 1, 0, 1, "ACTLR_EL1"},
    {3, 0, 1, 0, 2, "CPACR_EL1"},
    {3, 0, 2, 0, 0, "TTBR0_EL1"},
    {3, 0, 2, 0, 1, "TTBR1_EL1"},
    {3, 0, 2, 0, 2, "TCR_EL1"},
    {3, 0, 4, 0, 0, "SPSR_EL1"},
    {3, 0, 4, 0, 1, "ELR_EL1"},
    {3, 0, 4, 1, 0, "SP_EL0"},
    {3, 0, 4, 2, 2, "CurrentEL"},
    {3, 0, 5, 2, 0, "ESR_EL1"},
    {3, 0, 6, 0, 0, "FAR_EL1"},
    {3, 0, 7, 4, 0, "PAR_EL1"},
    {3, 0, 10, 2, 0, "MAIR_EL1"},
    {3, 0, 10, 3, 0, "AMAIR_EL1"},
    {3, 0, 12, 0, 0, "VBAR_EL1"},
    {3, 0, 13, 0, 1, "CONTEXTIDR_EL1"},
    {3, 0, 13, 0, 4, "TPIDR_EL1"},
    {2, 0, 0, 2, 2, "MDSCR_EL1"},
    {2, 3, 0, 1, 0, "MDCCSR_EL0"},
    {2, 3, 0, 4, 0, "DBGDTR_EL0"},
    {2, 3, 0, 5, 0, "DBGDTRRX_EL0"},
    {1, 0, 7, 1, 0, "IC IALLUIS"},
    {1, 0, 7, 5, 0, "IC IALLU"},
    {1, 3, 7, 5, 1, "IC IVAU"},
    {1, 0, 7, 6, 1, "DC IVAC"},
    {1, 0, 7, 6, 2, "DC ISW"},
    {1, 0, 7, 10, 2, "DC CSW"},
    {1, 0, 7, 14, 2, "DC CISW"},
    {1, 3, 7, 4, 1, "DC ZVA"},
    {1, 3, 7, 10, 1, "DC CVAC"},
    {1, 3, 7, 11, 1, "DC CVAU"},
    {1, 3, 7, 12, 1, "DC CVAP"},
    {1, 3, 7, 14, 1, "DC CIVAC"},
    {1, 0, 7, 8, 0, "AT S1E1R"},
    {1, 0, 7, 8, 1, "AT S1E1W"},
    {1, 0, 7, 8, 2, "AT S1E0R"},
    {1, 0, 7, 8, 3, "AT S1E0W"},
    {1, 0, 8, 3, 0, "TLBI VMALLE1IS"},
    {1, 0, 8, 3, 1, "TLBI VAE1IS"},
    {1, 0, 8, 3, 2, "TLBI ASIDE1IS"},
    {1, 0, 8, 3, 3, "TLBI VAAE1IS"},
    {1, 0, 8, 7, 0, "TLBI VMALLE1"},
    {1, 0, 8, 7, 1, "TLBI VAE1"},
};

void print_level(Writer& out, const FaultCode& code) {
  if (code.has_level()) print(out, " at level {}", code.level);
}

/// What the bare code leaves open, for a person who has not the manual at hand.
const char* hint(FaultStatus status) {
  switch (status) {
    case FaultStatus::translation:
      return " (no valid entry there, or an address outside both halves)";
    case FaultStatus::permission:
      return " (mapped, but not with this right)";
    case FaultStatus::access_flag:
      return " (mapped, AF clear)";
    case FaultStatus::address_size:
      return " (an output address or TTBR beyond the configured size)";
    case FaultStatus::external:
      return " (the bus refused the address)";
    case FaultStatus::external_on_walk:
      return " (the bus refused the read of a descriptor)";
    case FaultStatus::tlb_conflict:
      return " (two entries match: a break-before-make was missed)";
    case FaultStatus::unsupported_exclusive:
      return " (memory of a type that exclusives and atomics do not work on)";
    case FaultStatus::tag_check:
    case FaultStatus::parity:
    case FaultStatus::parity_on_walk:
    case FaultStatus::alignment:
    case FaultStatus::granule_protection:
    case FaultStatus::granule_protection_on_walk:
    case FaultStatus::atomic_update:
    case FaultStatus::lockdown:
    case FaultStatus::domain:
    case FaultStatus::reserved:
      return "";
  }
  UNREACHABLE();
}

void describe_fault_code(Writer& out, u64 fsc) {
  const FaultCode code = decode_fault_code(fsc);
  out.write(name_of(code.status));
  if (code.status == FaultStatus::reserved) print(out, " {:X}", fsc);
  print_level(out, code);
  out.write(hint(code.status));
}

/// SET, the state of the PE after a synchronous external abort.
void describe_error_state(Writer& out, Esr esr) {
  if (esr.fault_code().status != FaultStatus::external) return;
  switch (Esr::SET::decode(esr.raw())) {
    case 2:
      out.write(", uncontainable");
      break;
    case 3:
      out.write(", restartable");
      break;
  }
}

void describe_register(Writer& out, Esr esr) {
  const u64 size = esr.access_size();
  if (size == 0) return;
  print(out, ", {} byte{}", size, size == 1 ? "" : "s");
  if (Esr::SSE::is_set(esr.raw())) out.write(" sign-extended");
  const u64 reg = Esr::SRT::decode(esr.raw());
  const char width = Esr::SF::is_set(esr.raw()) ? 'x' : 'w';
  if (reg == 31)
    print(out, " ({}zr)", width);
  else
    print(out, " ({}{})", width, reg);
  if (Esr::AR::is_set(esr.raw())) out.write(", acquire/release");
}

/// The bits that data aborts, instruction aborts and watchpoints share.
void describe_walk_bits(Writer& out, u64 raw) {
  if (Esr::S1PTW::is_set(raw)) out.write(", on a stage 2 walk for stage 1");
  if (Esr::FnV::is_set(raw)) out.write(", FAR is not valid");
  if (Esr::EA::is_set(raw)) out.write(", external abort type 1");
}

void describe_data_abort(Writer& out, Esr esr) {
  if (Esr::CM::is_set(esr.raw()))
    out.write("cache maintenance");
  else
    out.write(esr.is_write() ? "write" : "read");
  describe_register(out, esr);
  out.write(": ");
  describe_fault_code(out, Esr::DFSC::decode(esr.raw()));
  describe_error_state(out, esr);
  if (Esr::VNCR::is_set(esr.raw())) out.write(", through VNCR_EL2");
  describe_walk_bits(out, esr.raw());
}

void describe_instruction_abort(Writer& out, Esr esr) {
  out.write("fetch: ");
  describe_fault_code(out, Esr::DFSC::decode(esr.raw()));
  describe_error_state(out, esr);
  describe_walk_bits(out, esr.raw());
}

void describe_watchpoint(Writer& out, Esr esr) {
  if (Esr::CM::is_set(esr.raw())) out.write("cache maintenance, ");
  out.write(Esr::WnR::is_set(esr.raw()) ? "write" : "read");
  if (Esr::FnV::is_set(esr.raw())) out.write(", FAR is not valid");
}

void describe_brk(Writer& out, Esr esr) {
  print(out, "comment {:X}", esr.imm16());
  if (const char* meaning = brk_meaning(esr.imm16())) print(out, ": {}", meaning);
}

void describe_system(Writer& out, Esr esr) {
  const SystemAccess a = esr.system_access();
  const bool instruction = a.op0 == 1;
  if (!instruction) out.write(a.read ? "MRS of " : "MSR to ");
  if (const char* name = system_register_name(a)) print(out, "{} = ", name);
  print(out, "S{}_{}_C{}_C{}_{}", a.op0, a.op1, a.crn, a.crm, a.op2);
  if (a.rt != 31) print(out, ", x{}", a.rt);
}

void describe_wfx(Writer& out, Esr esr) {
  using TI = Field<1, 0>;
  constexpr const char* kNames[] = {"WFI", "WFE", "WFIT", "WFET"};
  out.write(kNames[TI::decode(esr.raw())]);
}

void describe_fp_exception(Writer& out, Esr esr) {
  using TFV = Bit<23>;
  struct Cause {
    u64 bit;
    const char* name;
  };
  constexpr Cause kCauses[] = {{0, "invalid operation"}, {1, "divide by zero"},
                               {2, "overflow"},          {3, "underflow"},
                               {4, "inexact"},           {7, "denormal input"}};
  if (!TFV::is_set(esr.raw())) {
    out.write("the syndrome does not say which");
    return;
  }
  const char* between = "";
  for (const Cause& cause : kCauses) {
    if ((esr.iss() >> cause.bit & 1) == 0) continue;
    print(out, "{}{}", between, cause.name);
    between = ", ";
  }
}

void describe_serror(Writer& out, Esr esr) {
  using IDS = Bit<24>;
  using AET = Field<12, 10>;
  constexpr u64 kAsynchronousError = 0x11;
  if (IDS::is_set(esr.raw())) {
    print(out, "syndrome of this implementation, ISS {:X}", esr.iss());
    return;
  }
  if (Esr::DFSC::decode(esr.raw()) != kAsynchronousError) {
    out.write("uncategorized");
    return;
  }
  switch (AET::decode(esr.raw())) {
    case 0:
      out.write("uncontainable");
      break;
    case 1:
      out.write("unrecoverable");
      break;
    case 2:
      out.write("restartable");
      break;
    case 3:
      out.write("recoverable");
      break;
    case 6:
      out.write("corrected");
      break;
    default:
      out.write("reserved severity");
      break;
  }
}

void describe_branch_target(Writer& out, Esr esr) {
  using BTYPE = Field<1, 0>;
  print(out, "PSTATE.BTYPE {}: the branch landed on an instruction that is no landing pad",
        BTYPE::decode(esr.raw()));
}

void describe_pac_failure(Writer& out, Esr esr) {
  print(out, "{} key {}", (esr.iss() & 2) != 0 ? "data" : "instruction",
        (esr.iss() & 1) != 0 ? 'B' : 'A');
}

void describe_step(Writer& out, Esr esr) {
  using ISV = Bit<24>;
  using EX = Bit<6>;
  if (ISV::is_set(esr.raw()) && EX::is_set(esr.raw())) out.write("of a load-exclusive");
}

void describe_immediate(Writer& out, Esr esr) { print(out, "#{}", esr.imm16()); }

void describe_fp_access(Writer& out, Esr) {
  out.write(
      "CPACR_EL1.FPEN traps it; kernel code is built with general registers only, so in the "
      "kernel this is a jump into something that is not its code");
}

/// The ISS of the classes that put something there that a person can use.
struct IssDecoder {
  ExceptionClass ec;
  void (*describe)(Writer&, Esr);
};
constexpr IssDecoder kIssDecoders[] = {
    {ExceptionClass::data_abort_same, describe_data_abort},
    {ExceptionClass::data_abort_lower, describe_data_abort},
    {ExceptionClass::instruction_abort_same, describe_instruction_abort},
    {ExceptionClass::instruction_abort_lower, describe_instruction_abort},
    {ExceptionClass::watchpoint_same, describe_watchpoint},
    {ExceptionClass::watchpoint_lower, describe_watchpoint},
    {ExceptionClass::step_same, describe_step},
    {ExceptionClass::step_lower, describe_step},
    {ExceptionClass::brk64, describe_brk},
    {ExceptionClass::bkpt32, describe_brk},
    {ExceptionClass::system, describe_system},
    {ExceptionClass::wfx, describe_wfx},
    {ExceptionClass::fp_access, describe_fp_access},
    {ExceptionClass::fp_exception32, describe_fp_exception},
    {ExceptionClass::fp_exception64, describe_fp_exception},
    {ExceptionClass::serror, describe_serror},
    {ExceptionClass::branch_target, describe_branch_target},
    {ExceptionClass::pac_failure, describe_pac_failure},
    {ExceptionClass::svc32, describe_immediate},
    {ExceptionClass::svc64, describe_immediate},
    {ExceptionClass::hvc32, describe_immediate},
    {ExceptionClass::hvc64, describe_immediate},
    {ExceptionClass::smc64, describe_immediate},
};

}  // namespace

FaultCode decode_fault_code(u64 fsc) {
  for (const LevelledCodes& codes : kLevelledCodes)
    if (fsc - codes.first < 4) return {codes.status, static_cast<int>(fsc - codes.first)};
  for (const SingleCode& single : kSingleCodes)
    if (single.code == fsc) return single.meaning;
  return {FaultStatus::reserved};
}

const char* name_of(ExceptionClass ec) {
  switch (ec) {
    case ExceptionClass::unknown:
      return "unknown reason (an undefined instruction, as a rule)";
    case ExceptionClass::wfx:
      return "trapped WFI or WFE";
    case ExceptionClass::cp15_mcr:
      return "trapped AArch32 MCR or MRC, coprocessor 15";
    case ExceptionClass::cp15_mcrr:
      return "trapped AArch32 MCRR or MRRC, coprocessor 15";
    case ExceptionClass::cp14_mcr:
      return "trapped AArch32 MCR or MRC, coprocessor 14";
    case ExceptionClass::cp14_ldc:
      return "trapped AArch32 LDC or STC, coprocessor 14";
    case ExceptionClass::fp_access:
      return "trapped FP or SIMD instruction";
    case ExceptionClass::vmrs:
      return "trapped AArch32 VMRS";
    case ExceptionClass::pauth_trap:
      return "trapped pointer authentication";
    case ExceptionClass::ld64b:
      return "trapped LD64B or ST64B";
    case ExceptionClass::cp14_mrrc:
      return "trapped AArch32 MRRC, coprocessor 14";
    case ExceptionClass::branch_target:
      return "branch target exception (BTI)";
    case ExceptionClass::illegal_state:
      return "illegal execution state (PSTATE.IL)";
    case ExceptionClass::svc32:
      return "SVC from AArch32";
    case ExceptionClass::hvc32:
      return "HVC from AArch32";
    case ExceptionClass::smc32:
      return "SMC from AArch32";
    case ExceptionClass::system_128:
      return "trapped 128-bit system instruction";
    case ExceptionClass::svc64:
      return "SVC";
    case ExceptionClass::hvc64:
      return "HVC";
    case ExceptionClass::smc64:
      return "SMC";
    case ExceptionClass::system:
      return "trapped system instruction";
    case ExceptionClass::sve_access:
      return "trapped SVE instruction";
    case ExceptionClass::eret:
      return "trapped ERET";
    case ExceptionClass::tstart:
      return "trapped TSTART";
    case ExceptionClass::pac_failure:
      return "pointer authentication failure";
    case ExceptionClass::sme_access:
      return "trapped SME instruction";
    case ExceptionClass::granule_protection:
      return "granule protection check";
    case ExceptionClass::implementation_defined:
      return "implementation defined, to EL3";
    case ExceptionClass::instruction_abort_lower:
      return "instruction abort from a lower level (EL0)";
    case ExceptionClass::instruction_abort_same:
      return "instruction abort from the same level";
    case ExceptionClass::pc_alignment:
      return "PC alignment fault";
    case ExceptionClass::data_abort_lower:
      return "data abort from a lower level (EL0)";
    case ExceptionClass::data_abort_same:
      return "data abort from the same level";
    case ExceptionClass::sp_alignment:
      return "SP alignment fault";
    case ExceptionClass::memory_operation:
      return "memory copy or set exception (MOPS)";
    case ExceptionClass::fp_exception32:
      return "AArch32 floating-point exception";
    case ExceptionClass::fp_exception64:
      return "floating-point exception";
    case ExceptionClass::guarded_stack:
      return "guarded control stack exception";
    case ExceptionClass::serror:
      return "SError";
    case ExceptionClass::breakpoint_lower:
      return "hardware breakpoint from a lower level (EL0)";
    case ExceptionClass::breakpoint_same:
      return "hardware breakpoint from the same level";
    case ExceptionClass::step_lower:
      return "software step from a lower level (EL0)";
    case ExceptionClass::step_same:
      return "software step from the same level";
    case ExceptionClass::watchpoint_lower:
      return "watchpoint from a lower level (EL0)";
    case ExceptionClass::watchpoint_same:
      return "watchpoint from the same level";
    case ExceptionClass::bkpt32:
      return "AArch32 BKPT";
    case ExceptionClass::vector_catch32:
      return "AArch32 vector catch";
    case ExceptionClass::brk64:
      return "BRK";
  }
  return "reserved exception class";  // a value without an enumerator
}

const char* name_of(FaultStatus status) {
  switch (status) {
    case FaultStatus::address_size:
      return "address size fault";
    case FaultStatus::translation:
      return "translation fault";
    case FaultStatus::access_flag:
      return "access flag fault";
    case FaultStatus::permission:
      return "permission fault";
    case FaultStatus::external:
      return "external abort";
    case FaultStatus::external_on_walk:
      return "external abort on the walk";
    case FaultStatus::tag_check:
      return "tag check fault";
    case FaultStatus::parity:
      return "parity or ECC error";
    case FaultStatus::parity_on_walk:
      return "parity or ECC error on the walk";
    case FaultStatus::alignment:
      return "alignment fault";
    case FaultStatus::granule_protection:
      return "granule protection fault";
    case FaultStatus::granule_protection_on_walk:
      return "granule protection fault on the walk";
    case FaultStatus::tlb_conflict:
      return "TLB conflict";
    case FaultStatus::atomic_update:
      return "unsupported atomic update of a descriptor";
    case FaultStatus::lockdown:
      return "lockdown fault";
    case FaultStatus::unsupported_exclusive:
      return "unsupported exclusive or atomic access";
    case FaultStatus::domain:
      return "AArch32 domain fault";
    case FaultStatus::reserved:
      return "reserved fault status";
  }
  UNREACHABLE();
}

const char* system_register_name(const SystemAccess& a) {
  for (const SystemName& n : kSystemNames)
    if (n.op0 == a.op0 && n.op1 == a.op1 && n.crn == a.crn && n.crm == a.crm && n.op2 == a.op2)
      return n.name;
  return nullptr;
}

const char* brk_meaning(u64 comment) {
  constexpr u64 kClangUbsan = 0x5500;
  switch (comment) {
    case 0:
      return "a debugger's breakpoint";
    case 1:
      return "__builtin_trap() of Clang";
    case 1000:
      return "__builtin_trap() of GCC: unreachable code, or a UBSan check without a handler";
    case 0xf000:
      return "__builtin_debugtrap()";
  }
  if ((comment & ~u64{0xff}) == kClangUbsan) return "a UBSan check of Clang";
  return nullptr;
}

void describe_esr(Writer& out, u64 raw) {
  const Esr esr(raw);
  out.write(name_of(esr.ec()));
  for (const IssDecoder& decoder : kIssDecoders) {
    if (decoder.ec != esr.ec()) continue;
    BufferWriter<256> words;
    decoder.describe(words, esr);
    if (!words.text().empty()) print(out, ": {}", words.text());
    return;
  }
  if (esr.iss() != 0) print(out, ": ISS {:X}", esr.iss());
}

}  // namespace meridian::arch
