// SPDX-License-Identifier: MIT
#include <cstring>

#include "kernel/log/symbols.h"

namespace meridian {

SymbolTable::SymbolTable(std::span<const u8> bytes) : bytes_(bytes) {
  if (bytes.size() < sizeof(u32)) return;
  const u64 count = word(0);
  const u64 names = (1 + (count + 1) + count) * sizeof(u32);
  if (count == 0 || names >= bytes.size() || bytes.back() != 0) return;
  count_ = static_cast<u32>(count);
}

u32 SymbolTable::word(usize index) const {
  u32 value;
  std::memcpy(&value, bytes_.data() + index * sizeof(u32), sizeof(u32));
  return value;
}

std::string_view SymbolTable::name(u32 index) const {
  const usize names = (usize{2} + count_ + count_) * sizeof(u32);
  const usize at = names + word(usize{2} + count_ + index);
  if (at >= bytes_.size()) return "?";
  return reinterpret_cast<const char*>(bytes_.data() + at);  // the last byte of all is a zero
}

std::optional<SymbolPlace> SymbolTable::find(u64 offset) const {
  if (count_ == 0 || offset < start(0) || offset >= start(count_)) return std::nullopt;
  u32 low = 0, high = count_;  // start(low) <= offset < start(high)
  while (high - low > 1) {
    const u32 middle = low + (high - low) / 2;
    (offset < start(middle) ? high : low) = middle;
  }
  return SymbolPlace{name(low), offset - start(low)};
}

}  // namespace meridian
