// SPDX-License-Identifier: MIT
/// SPSR_EL1 in words.
#include "arch/aarch64/regs/spsr.h"

namespace meridian::arch {

namespace {

/// `letter` as it is if the bit is set, else a dash or the lower case.
template <typename B>
char mask_letter(u64 word, char letter) {
  return B::is_set(word) ? letter : '-';
}
template <typename B>
char flag_letter(u64 word, char letter) {
  return static_cast<char>(B::is_set(word) ? letter : letter - 'A' + 'a');
}

}  // namespace

const char* name_of(SpsrMode mode) {
  switch (mode) {
    case SpsrMode::el0t:
      return "EL0t";
    case SpsrMode::el1t:
      return "EL1t";
    case SpsrMode::el1h:
      return "EL1h";
    case SpsrMode::el2t:
      return "EL2t";
    case SpsrMode::el2h:
      return "EL2h";
  }
  return "AArch32 or reserved";
}

void Spsr::describe(Writer& out) const {
  print(out, "{}, masked {}{}{}{}, flags {}{}{}{}", name_of(mode()), mask_letter<D>(raw_, 'D'),
        mask_letter<A>(raw_, 'A'), mask_letter<I>(raw_, 'I'), mask_letter<F>(raw_, 'F'),
        flag_letter<N>(raw_, 'N'), flag_letter<Z>(raw_, 'Z'), flag_letter<C>(raw_, 'C'),
        flag_letter<V>(raw_, 'V'));
  if (PAN::is_set(raw_)) print(out, ", PAN");
  if (UAO::is_set(raw_)) print(out, ", UAO");
  if (DIT::is_set(raw_)) print(out, ", DIT");
  if (TCO::is_set(raw_)) print(out, ", TCO");
  if (SSBS::is_set(raw_)) print(out, ", SSBS");
  if (ALLINT::is_set(raw_)) print(out, ", ALLINT");
  if (SS::is_set(raw_)) print(out, ", single step");
  if (IL::is_set(raw_)) print(out, ", illegal state");
  if (BTYPE::decode(raw_) != 0) print(out, ", BTYPE {}", BTYPE::decode(raw_));
}

}  // namespace meridian::arch
