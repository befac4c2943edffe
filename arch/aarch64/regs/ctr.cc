// SPDX-License-Identifier: MIT
/// CTR_EL0 and DCZID_EL0 in words.
#include "arch/aarch64/regs/ctr.h"

#include "arch/aarch64/regs/describe.h"

namespace meridian::arch {

namespace {

template <typename F>
void bytes_line(Writer& out, std::string_view name, u64 word, u64 bytes, std::string_view what) {
  begin_field<F>(out, name, word);
  if (bytes == 0)
    print(out, "{}: not said\n", what);
  else
    print(out, "{}: {} bytes\n", what, bytes);
}

}  // namespace

void Ctr::describe(Writer& out) const {
  // 0b01 is an AIVIVT cache, which Armv8 no longer allows.
  static constexpr const char* kPolicies[] = {"by VMID and physical address", "reserved",
                                              "by virtual index and physical tag",
                                              "by physical address"};
  register_line(out, "CTR_EL0", raw_);
  bytes_line<IminLine>(out, "IminLine", raw_, icache_line(), "smallest instruction cache line");
  begin_field<L1Ip>(out, "L1Ip", raw_);
  print(out, "instruction cache found {}\n", kPolicies[L1Ip::decode(raw_)]);
  bytes_line<DminLine>(out, "DminLine", raw_, dcache_line(), "smallest data cache line");
  bytes_line<ERG>(out, "ERG", raw_, exclusives_granule(), "exclusives reserve");
  bytes_line<CWG>(out, "CWG", raw_, writeback_granule(), "a write-back writes at most");
  bit_line<IDC>(out, "IDC", raw_, "new code needs a clean to PoU", "new code needs no clean");
  bit_line<DIC>(out, "DIC", raw_, "new code needs IC IVAU", "new code needs no IC IVAU");
  begin_field<TminLine>(out, "TminLine", raw_);
  print(out, "smallest line of memory tags: {} bytes\n", u64{4} << TminLine::decode(raw_));
  constexpr u64 kNamed = IminLine::kMask | L1Ip::kMask | DminLine::kMask | ERG::kMask | CWG::kMask |
                         IDC::kMask | DIC::kMask | TminLine::kMask;
  constexpr u64 kRes1 = Bit<31>::kSet;
  unnamed_bits_line(out, raw_, kNamed | kRes1);
}

void Dczid::describe(Writer& out) const {
  register_line(out, "DCZID_EL0", raw_);
  begin_field<BS>(out, "BS", raw_);
  print(out, "DC ZVA zeroes {} bytes\n", u64{4} << BS::decode(raw_));
  bit_line<DZP>(out, "DZP", raw_, "DC ZVA allowed", "DC ZVA prohibited");
}

}  // namespace meridian::arch
