// SPDX-License-Identifier: MIT
#include "kernel/lib/decimal_size.h"

#include "kernel/lib/bits.h"

namespace meridian {

void format_value(Writer& out, const DecimalSize& size, const FormatSpec& spec) {
  constexpr std::string_view kUnits = "BKMGTPE";
  unsigned unit = 0;
  while (unit + 1 < kUnits.size() && size.count >> (10 * (unit + 1)) != 0) ++unit;
  const unsigned shift = 10 * unit;
  BufferWriter<32> text;
  print(text, "{}", size.count >> shift);
  u64 rest = size.count & low_ones(shift);
  // Of the rest only so many bits that the product below fits; they hold the three decimals.
  if (shift > 50) rest >>= shift - 50;
  u64 decimals = rest * 1000 >> (shift > 50 ? 50 : shift);
  if (decimals != 0) {
    unsigned digits = 3;
    for (; decimals % 10 == 0; decimals /= 10) --digits;
    text.put('.');
    format_unsigned(text, decimals, {.width = static_cast<u16>(digits), .zero = true});
  }
  text.put(kUnits[unit]);
  format_text(out, text.text(), spec);
}

}  // namespace meridian
