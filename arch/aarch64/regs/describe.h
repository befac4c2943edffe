// SPDX-License-Identifier: MIT
/// How registers print themselves: a title line with the whole word, then one line for each field
/// with the manual's name, bit numbers and value, and what the value means. Every describe() in
/// this folder prints every field, so that nothing hides in a bit that nobody showed.
#pragma once

#include <string_view>

#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"

namespace meridian::arch {

/// "TCR_EL1 0x00000014b5103510" and a newline.
void register_line(Writer& out, std::string_view name, u64 word);

/// "  T0SZ      [5:0]    0x10  " and no newline: the caller says what the value means.
void begin_field(Writer& out, std::string_view name, unsigned high, unsigned low, u64 value);

template <typename F>
void begin_field(Writer& out, std::string_view name, u64 word) {
  begin_field(out, name, F::kHigh, F::kLow, (word & F::kMask) >> F::kLow);
}

/// A whole line.
template <typename F>
void field_line(Writer& out, std::string_view name, u64 word, std::string_view meaning) {
  begin_field<F>(out, name, word);
  print(out, "{}\n", meaning);
}

/// A whole line for one bit.
template <typename B>
void bit_line(Writer& out, std::string_view name, u64 word, std::string_view if_clear,
              std::string_view if_set) {
  field_line<B>(out, name, word, B::is_set(word) ? if_set : if_clear);
}

/// One line for the bits that no field of the register names, if any is set: a newer CPU's
/// features, or a mistake.
void unnamed_bits_line(Writer& out, u64 word, u64 named);

}  // namespace meridian::arch
