// SPDX-License-Identifier: MIT
/// The running image's own table.
#include "kernel/log/symbols.h"

#pragma GCC visibility push(hidden)
extern "C" {
extern const meridian::u8 __image_start[], __text_end[];
extern const meridian::u8 __symbols_start[], __symbols_end[];
}
#pragma GCC visibility pop

namespace meridian {
namespace {

u64 number(const u8* address) { return reinterpret_cast<u64>(address); }

/// `address` with the name of the function that the address `back` bytes before it lies in.
void print_place(Writer& out, u64 address, u64 back) {
  print(out, "{:018X}", address);
  if (const std::optional<SymbolPlace> place = find_symbol(address - back))
    print(out, " {}+{:X}", place->name, place->offset + back);
}

}  // namespace

std::optional<SymbolPlace> find_symbol(u64 address) {
  if (address < number(__image_start) || address >= number(__text_end)) return std::nullopt;
  return SymbolTable({__symbols_start, __symbols_end}).find(address - number(__image_start));
}

void format_value(Writer& out, const CodeAddress& code, const FormatSpec&) {
  print_place(out, code.value, 0);
}

void format_value(Writer& out, const ReturnAddress& address, const FormatSpec&) {
  print_place(out, address.value, 1);
}

}  // namespace meridian
