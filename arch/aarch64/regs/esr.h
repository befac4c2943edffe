// SPDX-License-Identifier: MIT
/// ESR_EL1, the syndrome of an exception, decoded (Arm ARM D19.2, "ESR_EL1, Exception Syndrome
/// Register"): the exception class, and for each class what its ISS says. Pure: the fault report,
/// the shell's `esr`, the probes and the host tests all read a syndrome through this file.
#pragma once

#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"
#include "kernel/lib/types.h"

namespace meridian::arch {

/// ESR.EC. Values without an enumerator are reserved.
enum class ExceptionClass : u8 {
  unknown = 0x00,
  wfx = 0x01,
  cp15_mcr = 0x03,
  cp15_mcrr = 0x04,
  cp14_mcr = 0x05,
  cp14_ldc = 0x06,
  fp_access = 0x07,
  vmrs = 0x08,
  pauth_trap = 0x09,
  ld64b = 0x0a,
  cp14_mrrc = 0x0c,
  branch_target = 0x0d,
  illegal_state = 0x0e,
  svc32 = 0x11,
  hvc32 = 0x12,
  smc32 = 0x13,
  system_128 = 0x14,
  svc64 = 0x15,
  hvc64 = 0x16,
  smc64 = 0x17,
  system = 0x18,
  sve_access = 0x19,
  eret = 0x1a,
  tstart = 0x1b,
  pac_failure = 0x1c,
  sme_access = 0x1d,
  granule_protection = 0x1e,
  implementation_defined = 0x1f,
  instruction_abort_lower = 0x20,
  instruction_abort_same = 0x21,
  pc_alignment = 0x22,
  data_abort_lower = 0x24,
  data_abort_same = 0x25,
  sp_alignment = 0x26,
  memory_operation = 0x27,
  fp_exception32 = 0x28,
  fp_exception64 = 0x2c,
  guarded_stack = 0x2d,
  serror = 0x2f,
  breakpoint_lower = 0x30,
  breakpoint_same = 0x31,
  step_lower = 0x32,
  step_same = 0x33,
  watchpoint_lower = 0x34,
  watchpoint_same = 0x35,
  bkpt32 = 0x38,
  vector_catch32 = 0x3a,
  brk64 = 0x3c,
};

/// What a DFSC or IFSC code means, without its level.
enum class FaultStatus : u8 {
  address_size,
  translation,
  access_flag,
  permission,
  external,          // on the access itself
  external_on_walk,  // on the read of a descriptor
  tag_check,
  parity,
  parity_on_walk,
  alignment,
  granule_protection,
  granule_protection_on_walk,
  tlb_conflict,
  atomic_update,  // unsupported atomic hardware update of a descriptor
  lockdown,
  unsupported_exclusive,
  domain,  // AArch32 formats only
  reserved,
};

/// A fault status code: the kind, and the level of the walk it happened at if the code has one.
struct FaultCode {
  static constexpr int kNoLevel = -128;
  FaultStatus status;
  int level = kNoLevel;  // -2 to 3

  constexpr bool has_level() const { return level != kNoLevel; }
  friend constexpr bool operator==(const FaultCode&, const FaultCode&) = default;
};

/// The meaning of the six bits of DFSC or IFSC.
FaultCode decode_fault_code(u64 fsc);

/// What the trapped MSR, MRS or system instruction of EC 0x18 named.
struct SystemAccess {
  unsigned op0, op1, crn, crm, op2, rt;
  bool read;
};

/// One syndrome. The questions below ISS make sense for some classes only; each says which.
class Esr {
 public:
  using ISS2 = Field<36, 32>;
  using EC = Field<31, 26, ExceptionClass>;
  using IL = Bit<25>;
  using ISS = Field<24, 0>;

  // Data aborts (ISV to AR are valid if ISV is set); FnV to WnR also in watchpoints.
  using ISV = Bit<24>;
  using SAS = Field<23, 22>;
  using SSE = Bit<21>;
  using SRT = Field<20, 16>;
  using SF = Bit<15>;
  using AR = Bit<14>;
  using VNCR = Bit<13>;
  using SET = Field<12, 11>;
  using FnV = Bit<10>;
  using EA = Bit<9>;
  using CM = Bit<8>;
  using S1PTW = Bit<7>;
  using WnR = Bit<6>;
  using DFSC = Field<5, 0>;

  // SVC, HVC, SMC, BRK.
  using Imm16 = Field<15, 0>;

  // MSR, MRS and system instructions.
  using Op0 = Field<21, 20>;
  using Op2 = Field<19, 17>;
  using Op1 = Field<16, 14>;
  using CRn = Field<13, 10>;
  using Rt = Field<9, 5>;
  using CRm = Field<4, 1>;
  using Read = Bit<0>;

  constexpr explicit Esr(u64 raw) : raw_(raw) {}

  constexpr u64 raw() const { return raw_; }
  constexpr ExceptionClass ec() const { return EC::decode(raw_); }
  constexpr u64 iss() const { return ISS::decode(raw_); }
  constexpr u64 imm16() const { return Imm16::decode(raw_); }

  constexpr bool is_instruction_abort() const {
    return ec() == ExceptionClass::instruction_abort_lower ||
           ec() == ExceptionClass::instruction_abort_same;
  }
  constexpr bool is_data_abort() const {
    return ec() == ExceptionClass::data_abort_lower || ec() == ExceptionClass::data_abort_same;
  }
  constexpr bool is_abort() const { return is_instruction_abort() || is_data_abort(); }
  /// Of PC or SP, whatever is there.
  constexpr bool is_misalignment() const {
    return ec() == ExceptionClass::pc_alignment || ec() == ExceptionClass::sp_alignment;
  }
  constexpr bool is_watchpoint() const {
    return ec() == ExceptionClass::watchpoint_lower || ec() == ExceptionClass::watchpoint_same;
  }
  /// FAR holds the address: aborts (unless FnV), watchpoints and PC alignment faults.
  constexpr bool far_is_valid() const {
    if (ec() == ExceptionClass::pc_alignment) return true;
    return (is_abort() || is_watchpoint()) && !FnV::is_set(raw_);
  }

  /// Aborts: what the fault status code says.
  FaultCode fault_code() const { return decode_fault_code(DFSC::decode(raw_)); }
  /// Data aborts: the access was a write, or cache maintenance, which counts as one.
  constexpr bool is_write() const { return is_data_abort() && WnR::is_set(raw_); }
  /// Data aborts: the bytes accessed, or 0 if the syndrome does not say.
  constexpr u64 access_size() const {
    return is_data_abort() && ISV::is_set(raw_) ? u64{1} << SAS::decode(raw_) : 0;
  }
  /// EC 0x18.
  constexpr SystemAccess system_access() const {
    return {static_cast<unsigned>(Op0::decode(raw_)),
            static_cast<unsigned>(Op1::decode(raw_)),
            static_cast<unsigned>(CRn::decode(raw_)),
            static_cast<unsigned>(CRm::decode(raw_)),
            static_cast<unsigned>(Op2::decode(raw_)),
            static_cast<unsigned>(Rt::decode(raw_)),
            Read::is_set(raw_)};
  }

 private:
  u64 raw_;
};

// A load in the hole between the halves, as QEMU's cortex-a72 reports it.
static_assert(Esr(0x9600'0004).ec() == ExceptionClass::data_abort_same);
static_assert(!Esr(0x9600'0004).is_write() && Esr(0x9600'0004).far_is_valid());

/// A phrase for the class alone: "data abort from the same exception level". "reserved" if it is.
const char* name_of(ExceptionClass ec);

/// A phrase for a fault status: "translation fault".
const char* name_of(FaultStatus status);

/// The manual's name of a system register or instruction that EL0 or EL1 may meet a trap on, or
/// nullptr.
const char* system_register_name(const SystemAccess& access);

/// The whole syndrome in words, one line without a newline: the class, and what its ISS says.
void describe_esr(Writer& out, u64 esr);

/// What a BRK with this comment means by convention (of compilers, of GDB), or nullptr.
const char* brk_meaning(u64 comment);

}  // namespace meridian::arch
