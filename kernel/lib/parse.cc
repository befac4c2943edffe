// SPDX-License-Identifier: MIT
#include "kernel/lib/parse.h"

namespace meridian {
namespace {

/// The value of one digit, or a number no base reaches.
unsigned digit_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const char lower = static_cast<char>(c | 0x20);
  if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a') + 10;
  return 99;
}

bool starts_with_either_case(std::string_view text, char letter) {
  return !text.empty() && (text[0] | 0x20) == letter;
}

/// The shift that a unit suffix stands for, or Errc::bad_number.
Result<unsigned> unit_shift(std::string_view suffix) {
  constexpr std::string_view kUnits = "kmgt";
  unsigned shift = 0;
  for (usize i = 0; i < kUnits.size(); ++i)
    if (starts_with_either_case(suffix, kUnits[i])) {
      shift = static_cast<unsigned>(i + 1) * 10;
      suffix.remove_prefix(1);
      if (suffix == "iB") suffix = "";
      break;
    }
  if (suffix == "B") suffix = "";
  if (!suffix.empty()) return Error{Errc::bad_number};
  return shift;
}

}  // namespace

Result<u64> parse_number(std::string_view text) {
  unsigned base = 10;
  if (text.size() > 1 && text[0] == '0' && starts_with_either_case(text.substr(1), 'x')) base = 16;
  if (text.size() > 1 && text[0] == '0' && starts_with_either_case(text.substr(1), 'b')) base = 2;
  if (base != 10) text.remove_prefix(2);

  u64 value = 0;
  bool digits = false;
  for (char c : text) {
    if (digits && (c == '_' || c == '\'')) continue;
    const unsigned digit = digit_value(c);
    if (digit >= base) return Error{Errc::bad_number};
    if (__builtin_mul_overflow(value, u64{base}, &value)) return Error{Errc::bad_number};
    if (__builtin_add_overflow(value, u64{digit}, &value)) return Error{Errc::bad_number};
    digits = true;
  }
  if (!digits) return Error{Errc::bad_number};
  return value;
}

Result<u64> parse_size(std::string_view text) {
  const bool hex = text.size() > 1 && starts_with_either_case(text.substr(1), 'x');
  const usize digits = text.find_first_not_of(hex ? "0123456789abcdefABCDEFxX_'" : "0123456789_'");
  if (digits == std::string_view::npos) return parse_number(text);
  const u64 number = TRY(parse_number(text.substr(0, digits)));
  const unsigned shift = TRY(unit_shift(text.substr(digits)));
  if (shift != 0 && number >> (64 - shift) != 0) return Error{Errc::bad_number};
  return number << shift;
}

std::string_view next_word(std::string_view& text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const usize start = text.find_first_not_of(kBlank);
  if (start == std::string_view::npos) {
    text = {};
    return {};
  }
  text.remove_prefix(start);
  usize end = 0;
  bool quoted = false;
  while (end < text.size() && (quoted || kBlank.find(text[end]) == std::string_view::npos)) {
    if (text[end] == '"') quoted = !quoted;
    ++end;
  }
  std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

}  // namespace meridian
