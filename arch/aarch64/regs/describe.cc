// SPDX-License-Identifier: MIT
/// The columns of register descriptions.
#include "arch/aarch64/regs/describe.h"

namespace meridian::arch {

void register_line(Writer& out, std::string_view name, u64 word) {
  print(out, "{} {:018X}\n", name, word);
}

void begin_field(Writer& out, std::string_view name, unsigned high, unsigned low, u64 value) {
  BufferWriter<16> bits;
  if (high == low)
    print(bits, "[{}]", high);
  else
    print(bits, "[{}:{}]", high, low);
  print(out, "  {:<10}{:<8}{:>6X}  ", name, bits.text(), value);
}

void unnamed_bits_line(Writer& out, u64 word, u64 named) {
  const u64 rest = word & ~named;
  if (rest != 0) print(out, "  other bits set: {:018X}\n", rest);
}

}  // namespace meridian::arch
