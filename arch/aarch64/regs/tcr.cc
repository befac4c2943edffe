// SPDX-License-Identifier: MIT
/// TCR_EL1 in words.
#include "arch/aarch64/regs/tcr.h"

#include "arch/aarch64/regs/describe.h"

namespace meridian::arch {

namespace {

const char* name_of(WalkCacheability cacheability) {
  switch (cacheability) {
    case WalkCacheability::non_cacheable:
      return "non-cacheable";
    case WalkCacheability::write_back_allocate:
      return "write-back, read and write allocate";
    case WalkCacheability::write_through:
      return "write-through, read allocate";
    case WalkCacheability::write_back:
      return "write-back, read allocate";
  }
  UNREACHABLE();
}

const char* name_of(Shareability shareability) {
  switch (shareability) {
    case Shareability::non_shareable:
      return "non-shareable";
    case Shareability::outer:
      return "outer shareable";
    case Shareability::inner:
      return "inner shareable";
  }
  return "reserved";
}

const char* name_of(Tg0 granule) {
  switch (granule) {
    case Tg0::k4:
      return "4 KiB granule";
    case Tg0::k64:
      return "64 KiB granule";
    case Tg0::k16:
      return "16 KiB granule";
  }
  return "reserved";
}

const char* name_of(Tg1 granule) {
  switch (granule) {
    case Tg1::k16:
      return "16 KiB granule";
    case Tg1::k4:
      return "4 KiB granule";
    case Tg1::k64:
      return "64 KiB granule";
  }
  return "reserved";
}

const char* name_of(OutputSize size) {
  switch (size) {
    case OutputSize::bits32:
      return "32-bit physical addresses";
    case OutputSize::bits36:
      return "36-bit physical addresses";
    case OutputSize::bits40:
      return "40-bit physical addresses";
    case OutputSize::bits42:
      return "42-bit physical addresses";
    case OutputSize::bits44:
      return "44-bit physical addresses";
    case OutputSize::bits48:
      return "48-bit physical addresses";
    case OutputSize::bits52:
      return "52-bit physical addresses";
  }
  return "reserved";
}

template <typename F>
void size_line(Writer& out, std::string_view name, u64 word, std::string_view half) {
  const u64 size = F::decode(word);
  begin_field<F>(out, name, word);
  print(out, "{} half: {} address bits", half, 64 - size);
  // What lies outside 16 to 39 is for other granules or newer CPUs; its walk is not described.
  const u64 bits = 64 - size;
  if (kLeastVaBits <= bits && bits <= kMostVaBits)
    print(out, ", {}, the walk starts at L{}", Bytes{u64{1} << bits},
          number_of(Geometry(Half::low, static_cast<unsigned>(bits)).first_level()));
  print(out, "\n");
}

}  // namespace

void Tcr::describe(Writer& out) const {
  register_line(out, "TCR_EL1", raw_);
  describe_walks(out);
  describe_features(out);
  unnamed_bits_line(out, raw_, low_ones(62) & ~(Bit<6>::kMask | Bit<35>::kMask));
}

void Tcr::describe_walks(Writer& out) const {
  size_line<T0SZ>(out, "T0SZ", raw_, "low");
  bit_line<EPD0>(out, "EPD0", raw_, "TTBR0 is walked", "TTBR0 is not walked: every miss faults");
  field_line<IRGN0>(out, "IRGN0", raw_, name_of(IRGN0::decode(raw_)));
  field_line<ORGN0>(out, "ORGN0", raw_, name_of(ORGN0::decode(raw_)));
  field_line<SH0>(out, "SH0", raw_, name_of(SH0::decode(raw_)));
  field_line<TG0>(out, "TG0", raw_, name_of(TG0::decode(raw_)));
  size_line<T1SZ>(out, "T1SZ", raw_, "high");
  bit_line<A1>(out, "A1", raw_, "the ASID is TTBR0's", "the ASID is TTBR1's");
  bit_line<EPD1>(out, "EPD1", raw_, "TTBR1 is walked", "TTBR1 is not walked: every miss faults");
  field_line<IRGN1>(out, "IRGN1", raw_, name_of(IRGN1::decode(raw_)));
  field_line<ORGN1>(out, "ORGN1", raw_, name_of(ORGN1::decode(raw_)));
  field_line<SH1>(out, "SH1", raw_, name_of(SH1::decode(raw_)));
  field_line<TG1>(out, "TG1", raw_, name_of(TG1::decode(raw_)));
  field_line<IPS>(out, "IPS", raw_, name_of(IPS::decode(raw_)));
  bit_line<AS>(out, "AS", raw_, "8-bit ASIDs", "16-bit ASIDs");
}

void Tcr::describe_features(Writer& out) const {
  bit_line<TBI0>(out, "TBI0", raw_, "low half: the top byte is address", "low half: it is a tag");
  bit_line<TBI1>(out, "TBI1", raw_, "high half: the top byte is address", "high half: it is a tag");
  bit_line<HA>(out, "HA", raw_, "software sets access flags", "hardware sets access flags");
  bit_line<HD>(out, "HD", raw_, "software keeps dirty state", "hardware keeps dirty state");
  bit_line<HPD0>(out, "HPD0", raw_, "low half: tables limit rights", "low half: they do not");
  bit_line<HPD1>(out, "HPD1", raw_, "high half: tables limit rights", "high half: they do not");
  field_line<HWU0>(out, "HWU0nn", raw_, "hardware's use of descriptor bits 62:59, low half");
  field_line<HWU1>(out, "HWU1nn", raw_, "hardware's use of descriptor bits 62:59, high half");
  bit_line<TBID0>(out, "TBID0", raw_, "TBI0 holds for fetches too", "TBI0 is for data only");
  bit_line<TBID1>(out, "TBID1", raw_, "TBI1 holds for fetches too", "TBI1 is for data only");
  bit_line<NFD0>(out, "NFD0", raw_, "low half: SVE non-fault loads walk", "they do not walk");
  bit_line<NFD1>(out, "NFD1", raw_, "high half: SVE non-fault loads walk", "they do not walk");
  bit_line<E0PD0>(out, "E0PD0", raw_, "EL0 may walk the low half", "EL0 may not");
  bit_line<E0PD1>(out, "E0PD1", raw_, "EL0 may walk the high half", "EL0 may not");
  bit_line<TCMA0>(out, "TCMA0", raw_, "low half: no unchecked tag", "low half: tag 0 is unchecked");
  bit_line<TCMA1>(out, "TCMA1", raw_, "high half: no unchecked tag", "high half: tag 15 unchecked");
  bit_line<DS>(out, "DS", raw_, "48-bit descriptors", "52-bit descriptors (LPA2)");
  bit_line<MTX0>(out, "MTX0", raw_, "low half: bits 59:56 as TBI0 says", "they are a memory tag");
  bit_line<MTX1>(out, "MTX1", raw_, "high half: bits 59:56 as TBI1 says", "they are a memory tag");
}

}  // namespace meridian::arch
