// SPDX-License-Identifier: MIT
/// Fault: what a caller asks of a syndrome, and its short form in words.
#include <arch/trap.h>

namespace meridian::arch {

bool Fault::from_user() const {
  switch (syndrome().ec()) {
    case ExceptionClass::instruction_abort_lower:
    case ExceptionClass::data_abort_lower:
    case ExceptionClass::breakpoint_lower:
    case ExceptionClass::step_lower:
    case ExceptionClass::watchpoint_lower:
      return true;
    default:  // other classes are the same from everywhere; aborts are what this is asked about
      return false;
  }
}

FaultKind Fault::kind() const {
  if (syndrome().ec() == ExceptionClass::pc_alignment ||
      syndrome().ec() == ExceptionClass::sp_alignment)
    return FaultKind::alignment;
  if (!syndrome().is_abort()) return FaultKind::other;
  switch (syndrome().fault_code().status) {
    case FaultStatus::translation:
      return FaultKind::translation;
    case FaultStatus::access_flag:
      return FaultKind::access_flag;
    case FaultStatus::permission:
      return FaultKind::permission;
    case FaultStatus::alignment:
      return FaultKind::alignment;
    case FaultStatus::external:
    case FaultStatus::external_on_walk:
      return FaultKind::external;
    case FaultStatus::address_size:
    case FaultStatus::tag_check:
    case FaultStatus::parity:
    case FaultStatus::parity_on_walk:
    case FaultStatus::granule_protection:
    case FaultStatus::granule_protection_on_walk:
    case FaultStatus::tlb_conflict:
    case FaultStatus::atomic_update:
    case FaultStatus::lockdown:
    case FaultStatus::unsupported_exclusive:
    case FaultStatus::domain:
    case FaultStatus::reserved:
      return FaultKind::other;
  }
  UNREACHABLE();
}

int Fault::level() const {
  if (!syndrome().is_abort()) return -1;
  const FaultCode code = syndrome().fault_code();
  return code.has_level() ? code.level : -1;
}

const char* name_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::translation:
      return "translation fault";
    case FaultKind::access_flag:
      return "access flag fault";
    case FaultKind::permission:
      return "permission fault";
    case FaultKind::alignment:
      return "alignment fault";
    case FaultKind::external:
      return "external abort";
    case FaultKind::other:
      return "other fault";
  }
  UNREACHABLE();
}

const char* name_of(FaultAccess access) {
  switch (access) {
    case FaultAccess::read:
      return "read";
    case FaultAccess::write:
      return "write";
    case FaultAccess::execute:
      return "execute";
  }
  UNREACHABLE();
}

void format_value(Writer& out, const Fault& fault, const FormatSpec&) {
  const Esr esr = fault.syndrome();
  if (!esr.is_abort()) return describe_esr(out, fault.esr);
  if (fault.has_address())
    print(out, "{} at {}: ", name_of(fault.access()), fault.address());
  else
    print(out, "{}: ", name_of(fault.access()));
  const FaultCode code = esr.fault_code();
  out.write(name_of(code.status));
  if (code.has_level()) print(out, " at level {}", code.level);
}

}  // namespace meridian::arch
