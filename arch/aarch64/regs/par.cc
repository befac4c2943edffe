// SPDX-License-Identifier: MIT
/// PAR_EL1 in words.
#include "arch/aarch64/regs/par.h"

#include "arch/aarch64/regs/describe.h"

namespace meridian::arch {

namespace {

const char* name_of_sh(u64 value) {
  static constexpr const char* kNames[] = {"non-shareable", "reserved", "outer shareable",
                                           "inner shareable"};
  return kNames[value];
}

}  // namespace

void Par::describe(Writer& out) const {
  register_line(out, "PAR_EL1", raw_);
  bit_line<F>(out, "F", raw_, "translated", "failed");
  if (failed()) {
    const FaultCode code = fault_code();
    begin_field<FST>(out, "FST", raw_);
    print(out, "{}", name_of(code.status));
    if (code.has_level()) print(out, ", level {}", code.level);
    print(out, "\n");
    bit_line<PTW>(out, "PTW", raw_, "not on a table read", "stage 2, on a read of a stage 1 table");
    bit_line<S>(out, "S", raw_, "at stage 1", "at stage 2");
    return;
  }
  field_line<SH>(out, "SH", raw_, name_of_sh((raw_ & SH::kMask) >> SH::kLow));
  bit_line<NS>(out, "NS", raw_, "Secure", "Non-secure");
  begin_field<PA>(out, "PA", raw_);
  print(out, "{}\n", frame().address());
  begin_field<ATTR>(out, "ATTR", raw_);
  describe_mair_attr(out, attr());
  print(out, "\n");
}

}  // namespace meridian::arch
