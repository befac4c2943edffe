// SPDX-License-Identifier: MIT
/// Names for code addresses. The build puts a table of the kernel's functions into the image
/// (linker/symbols.py); an image without one prints addresses only.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "kernel/lib/format.h"
#include "kernel/lib/types.h"

namespace meridian {

/// A function, and where in it an address lies.
struct SymbolPlace {
  std::string_view name;
  u64 offset = 0;
};

/// The table as linker/symbols.py writes it, little-endian words of 32 bits: the number of
/// functions n; n + 1 starts, sorted, as offsets from the image's first byte (the last one ends the
/// last function); n offsets of names in what follows; the names, each ended by a zero byte.
class SymbolTable {
 public:
  constexpr SymbolTable() = default;
  /// A table that is empty or malformed finds nothing.
  explicit SymbolTable(std::span<const u8> bytes);

  u32 count() const { return count_; }
  /// The function that `offset` from the image's first byte lies in.
  std::optional<SymbolPlace> find(u64 offset) const;

 private:
  u32 start(u32 index) const { return word(1 + index); }
  u32 word(usize index) const;
  std::string_view name(u32 index) const;

  std::span<const u8> bytes_;
  u32 count_ = 0;
};

/// The function that `address` lies in; nothing outside the kernel's text.
std::optional<SymbolPlace> find_symbol(u64 address);

/// Prints as "0xffff800008012345 function+0x12", or the address alone.
struct CodeAddress {
  u64 value;
};
void format_value(Writer& out, const CodeAddress& code, const FormatSpec& spec);

/// The same for an address that a call returns to. It may be the first of the next function, if the
/// call never returns; the name is the caller's.
struct ReturnAddress {
  u64 value;
};
void format_value(Writer& out, const ReturnAddress& address, const FormatSpec& spec);

}  // namespace meridian
