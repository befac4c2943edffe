// SPDX-License-Identifier: MIT
/// SCTLR_EL1 in words.
#include "arch/aarch64/regs/sctlr.h"

#include "arch/aarch64/regs/describe.h"

namespace meridian::arch {

void Sctlr::describe(Writer& out) const {
  register_line(out, "SCTLR_EL1", raw_);
  describe_el1(out);
  describe_el0(out);
  describe_features(out);
  constexpr u64 kOther = Bit<17>::kMask | Field<34, 32>::kMask | Field<56, 45>::kMask;
  unnamed_bits_line(out, raw_, low_ones(58) & ~kOther);
}

void Sctlr::describe_el1(Writer& out) const {
  bit_line<M>(out, "M", raw_, "stage 1 translation off", "stage 1 translation on");
  bit_line<A>(out, "A", raw_, "unaligned accesses allowed", "unaligned accesses fault");
  bit_line<C>(out, "C", raw_, "data cache off", "data cache on");
  bit_line<I>(out, "I", raw_, "instruction cache off", "instruction cache on");
  bit_line<SA>(out, "SA", raw_, "EL1: SP not checked", "EL1: SP must be 16-byte aligned");
  bit_line<WXN>(out, "WXN", raw_, "the tables alone say what may execute",
                "nothing writable may execute");
  bit_line<SPAN>(out, "SPAN", raw_, "exceptions to EL1 set PSTATE.PAN",
                 "exceptions to EL1 leave PSTATE.PAN");
  bit_line<EE>(out, "EE", raw_, "EL1 and walks little-endian", "EL1 and walks big-endian");
  bit_line<EIS>(out, "EIS", raw_, "exception entry need not synchronize",
                "exception entry synchronizes context");
  bit_line<EOS>(out, "EOS", raw_, "exception return need not synchronize",
                "exception return synchronizes context");
  bit_line<IESB>(out, "IESB", raw_, "no implicit error barriers", "implicit error barriers");
}

void Sctlr::describe_el0(Writer& out) const {
  bit_line<SA0>(out, "SA0", raw_, "EL0: SP not checked", "EL0: SP must be 16-byte aligned");
  bit_line<E0E>(out, "E0E", raw_, "EL0 little-endian", "EL0 big-endian");
  bit_line<UMA>(out, "UMA", raw_, "EL0 access to DAIF traps", "EL0 may access DAIF");
  bit_line<UCT>(out, "UCT", raw_, "EL0 read of CTR_EL0 traps", "EL0 may read CTR_EL0");
  bit_line<UCI>(out, "UCI", raw_, "EL0 cache maintenance traps", "EL0 may clean caches to PoU");
  bit_line<DZE>(out, "DZE", raw_, "EL0 DC ZVA traps", "EL0 may use DC ZVA");
  bit_line<nTWI>(out, "nTWI", raw_, "EL0 WFI traps", "EL0 may use WFI");
  bit_line<nTWE>(out, "nTWE", raw_, "EL0 WFE traps", "EL0 may use WFE");
  bit_line<TSCXT>(out, "TSCXT", raw_, "EL0 may use SCXTNUM_EL0", "EL0 SCXTNUM_EL0 traps");
  bit_line<EnRCTX>(out, "EnRCTX", raw_, "EL0 prediction restriction traps",
                   "EL0 may restrict prediction");
  bit_line<CP15BEN>(out, "CP15BEN", raw_, "AArch32 EL0: CP15 barriers undefined",
                    "AArch32 EL0: CP15 barriers work");
  bit_line<ITD>(out, "ITD", raw_, "AArch32 EL0: IT works", "AArch32 EL0: IT restricted");
  bit_line<SED>(out, "SED", raw_, "AArch32 EL0: SETEND works", "AArch32 EL0: SETEND undefined");
  bit_line<nTLSMD>(out, "nTLSMD", raw_, "AArch32 EL0: LDM to device memory traps",
                   "AArch32 EL0: LDM to device memory allowed");
  bit_line<LSMAOE>(out, "LSMAOE", raw_, "AArch32 EL0: LDM unordered", "AArch32 EL0: LDM ordered");
}

void Sctlr::describe_features(Writer& out) const {
  bit_line<nAA>(out, "nAA", raw_, "unaligned LDAR and STLR may fault", "they do not fault");
  bit_line<EnIA>(out, "EnIA", raw_, "pointer authentication, key IA, off", "key IA on");
  bit_line<EnIB>(out, "EnIB", raw_, "pointer authentication, key IB, off", "key IB on");
  bit_line<EnDA>(out, "EnDA", raw_, "pointer authentication, key DA, off", "key DA on");
  bit_line<EnDB>(out, "EnDB", raw_, "pointer authentication, key DB, off", "key DB on");
  bit_line<BT0>(out, "BT0", raw_, "EL0: PACIxSP is any branch's target", "EL0: of BLR only");
  bit_line<BT1>(out, "BT1", raw_, "EL1: PACIxSP is any branch's target", "EL1: of BLR only");
  bit_line<ITFSB>(out, "ITFSB", raw_, "tag faults not synchronized", "synchronized on entry");
  field_line<TCF0>(out, "TCF0", raw_, "EL0 tag check faults: 0 none, 1 sync, 2 async, 3 both");
  field_line<TCF>(out, "TCF", raw_, "EL1 tag check faults: 0 none, 1 sync, 2 async, 3 both");
  bit_line<ATA0>(out, "ATA0", raw_, "EL0 has no memory tags", "EL0 has memory tags");
  bit_line<ATA>(out, "ATA", raw_, "EL1 has no memory tags", "EL1 has memory tags");
  bit_line<DSSBS>(out, "DSSBS", raw_, "exceptions clear PSTATE.SSBS", "exceptions set PSTATE.SSBS");
  bit_line<EPAN>(out, "EPAN", raw_, "PAN spares execute-only pages",
                 "PAN covers execute-only pages");
}

}  // namespace meridian::arch
