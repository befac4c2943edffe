// SPDX-License-Identifier: MIT
/// The memory model feature registers in words.
#include "arch/aarch64/regs/id_mmfr.h"

#include <algorithm>

#include "arch/aarch64/regs/describe.h"

namespace meridian::arch {

namespace {

/// A feature field that counts up from 0.
template <typename F>
void feature_line(Writer& out, std::string_view name, u64 word, std::string_view what) {
  begin_field<F>(out, name, word);
  print(out, "{}{}\n", F::decode(word) == 0 ? "no " : "", what);
}

/// A field that does not concern stage 1 of EL1.
template <typename F>
void stage2_line(Writer& out, std::string_view name, u64 word, std::string_view what) {
  begin_field<F>(out, name, word);
  print(out, "{} at stage 2\n", what);
}

void granule_line(Writer& out, IdAa64Mmfr0 id, Granule granule) {
  print(out, "{} pages: {}\n", Bytes{bytes_of(granule)}, name_of(id.support(granule)));
}

}  // namespace

const char* name_of(GranuleSupport support) {
  switch (support) {
    case GranuleSupport::absent:
      return "no";
    case GranuleSupport::yes:
      return "yes";
    case GranuleSupport::with_52_bits:
      return "yes, also with 52-bit addresses (LPA2)";
  }
  UNREACHABLE();
}

void IdAa64Mmfr0::describe(Writer& out) const {
  register_line(out, "ID_AA64MMFR0_EL1", raw_);
  begin_field<PARange>(out, "PARange", raw_);
  print(out, "{}-bit physical addresses\n", pa_bits());
  begin_field<ASIDBits>(out, "ASIDBits", raw_);
  print(out, "{}-bit ASIDs\n", asid_bits());
  feature_line<BigEnd>(out, "BigEnd", raw_, "mixed-endian support");
  feature_line<SNSMem>(out, "SNSMem", raw_, "distinction of Secure and Non-secure memory");
  feature_line<BigEndEL0>(out, "BigEndEL0", raw_, "mixed-endian support at EL0 only");
  begin_field<TGran16>(out, "TGran16", raw_), granule_line(out, *this, Granule::k16);
  begin_field<TGran64>(out, "TGran64", raw_), granule_line(out, *this, Granule::k64);
  begin_field<TGran4>(out, "TGran4", raw_), granule_line(out, *this, Granule::k4);
  stage2_line<TGran16_2>(out, "TGran16_2", raw_, "16K pages");
  stage2_line<TGran64_2>(out, "TGran64_2", raw_, "64K pages");
  stage2_line<TGran4_2>(out, "TGran4_2", raw_, "4K pages");
  feature_line<ExS>(out, "ExS", raw_, "choice whether exceptions synchronize context");
  feature_line<FGT>(out, "FGT", raw_, "fine-grained traps");
  feature_line<ECV>(out, "ECV", raw_, "enhanced counter virtualization");
  unnamed_bits_line(out, raw_, low_ones(48) | FGT::kMask | ECV::kMask);
}

void IdAa64Mmfr1::describe(Writer& out) const {
  register_line(out, "ID_AA64MMFR1_EL1", raw_);
  begin_field<HAFDBS>(out, "HAFDBS", raw_);
  print(out, "hardware updates {}\n",
        has_hardware_dirty_state()   ? "the access flag and dirty state"
        : has_hardware_access_flag() ? "the access flag"
                                     : "no descriptor bits");
  begin_field<VMIDBits>(out, "VMIDBits", raw_);
  print(out, "{}-bit VMIDs\n", VMIDBits::decode(raw_) == 0 ? 8 : 16);
  feature_line<VH>(out, "VH", raw_, "virtualization host extensions");
  feature_line<HPDS>(out, "HPDS", raw_, "disabling of hierarchical permissions");
  feature_line<LO>(out, "LO", raw_, "limited ordering regions");
  feature_line<PAN>(out, "PAN", raw_, "privileged access never");
  feature_line<SpecSEI>(out, "SpecSEI", raw_, "SError from speculative reads");
  feature_line<XNX>(out, "XNX", raw_, "execute-never by exception level at stage 2");
  feature_line<TWED>(out, "TWED", raw_, "delayed trapping of WFE");
  feature_line<ETS>(out, "ETS", raw_, "enhanced translation synchronization");
  feature_line<HCX>(out, "HCX", raw_, "HCRX_EL2");
  feature_line<AFP>(out, "AFP", raw_, "alternate floating point");
  feature_line<nTLBPA>(out, "nTLBPA", raw_, "promise that walks cache no physical addresses");
  feature_line<TIDCP1>(out, "TIDCP1", raw_, "traps of EL0's implementation defined registers");
  feature_line<CMOW>(out, "CMOW", raw_, "write permission for cache maintenance");
  unnamed_bits_line(out, raw_, low_ones(60));
}

void IdAa64Mmfr2::describe(Writer& out) const {
  register_line(out, "ID_AA64MMFR2_EL1", raw_);
  feature_line<CnP>(out, "CnP", raw_, "common not private translations");
  feature_line<UAO>(out, "UAO", raw_, "user access override");
  feature_line<LSM>(out, "LSM", raw_, "control of AArch32 load and store multiple");
  feature_line<IESB>(out, "IESB", raw_, "implicit error synchronization");
  begin_field<VARange>(out, "VARange", raw_);
  print(out, "{}-bit virtual addresses with 64K pages\n", va_bits());
  feature_line<CCIDX>(out, "CCIDX", raw_, "64-bit CCSIDR_EL1");
  feature_line<NV>(out, "NV", raw_, "nested virtualization");
  begin_field<ST>(out, "ST", raw_);
  print(out, "halves of {} bits and more\n", least_va_bits(Granule::k4));
  feature_line<AT>(out, "AT", raw_, "single-copy atomicity of unaligned accesses");
  feature_line<IDS>(out, "IDS", raw_, "reporting of ID register traps");
  feature_line<FWB>(out, "FWB", raw_, "stage 2 forced write-back");
  feature_line<TTL>(out, "TTL", raw_, "level hint in TLB invalidations, range invalidations");
  begin_field<BBM>(out, "BBM", raw_);
  print(out, "break-before-make, level {}\n", bbm_level());
  feature_line<EVT>(out, "EVT", raw_, "enhanced virtualization traps");
  feature_line<E0PD>(out, "E0PD", raw_, "closing of a half to EL0");
  constexpr u64 kReserved = Field<47, 44>::kMask;
  unnamed_bits_line(out, raw_, ~kReserved);
}

TranslationChoice translation_choice(Granule granule, IdAa64Mmfr0 mmfr0, IdAa64Mmfr2 mmfr2) {
  const GranuleSupport support = mmfr0.support(granule);
  const bool lpa2 = granule != Granule::k64 && support == GranuleSupport::with_52_bits;
  const unsigned most = lpa2 ? 52 : granule == Granule::k64 ? mmfr2.va_bits() : 48;
  const unsigned pa_limit = lpa2 || granule == Granule::k64 ? 52 : 48;
  return {.granule = granule,
          .support = support,
          .least_va_bits = mmfr2.least_va_bits(granule),
          .most_va_bits = most,
          .most_levels = levels_for(granule, most),
          .pa_bits = std::min(mmfr0.pa_bits(), pa_limit)};
}

}  // namespace meridian::arch
