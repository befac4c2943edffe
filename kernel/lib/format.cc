// SPDX-License-Identifier: MIT
#include "kernel/lib/format.h"

#include "kernel/lib/check.h"

namespace meridian {
namespace {

constexpr std::string_view kBlanks = "                                ";
constexpr std::string_view kZeros = "00000000000000000000000000000000";

void pad(Writer& out, std::string_view with, usize count) {
  while (count != 0) {
    const usize step = count < with.size() ? count : with.size();
    out.write(with.substr(0, step));
    count -= step;
  }
}

/// `digits` with its sign or 0x prefix, aligned right unless the spec says left.
void format_number(Writer& out, std::string_view prefix, std::string_view digits,
                   const FormatSpec& spec) {
  const usize length = prefix.size() + digits.size();
  const usize padding = spec.width > length ? spec.width - length : 0;
  if (!spec.zero && !spec.left) pad(out, kBlanks, padding);
  out.write(prefix);
  if (spec.zero) pad(out, kZeros, padding);
  out.write(digits);
  if (!spec.zero && spec.left) pad(out, kBlanks, padding);
}

/// Digits of `value`, written backwards into the end of `buffer`.
std::string_view to_digits(u64 value, unsigned base, std::span<char> buffer) {
  usize at = buffer.size();
  do {
    buffer[--at] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  return {buffer.data() + at, buffer.size() - at};
}

FormatSpec parse_spec(std::string_view text) {
  FormatSpec spec;
  for (char c : text) {
    if (c == '<') spec.left = true;
    else if (c == '>') spec.right = true;
    else if (c == 'x') spec.hex = true;
    else if (c == 'X') spec.hex = spec.prefix = true;
    else if (c == '0' && spec.width == 0) spec.zero = true;
    else if (c >= '0' && c <= '9') spec.width = static_cast<u16>(spec.width * 10 + (c - '0'));
    else CHECK(c == ':');
  }
  return spec;
}

}  // namespace

void format_text(Writer& out, std::string_view text, const FormatSpec& spec) {
  const usize padding = spec.width > text.size() ? spec.width - text.size() : 0;
  if (spec.right) pad(out, kBlanks, padding);
  out.write(text);
  if (!spec.right) pad(out, kBlanks, padding);
}

void format_unsigned(Writer& out, u64 value, const FormatSpec& spec) {
  std::array<char, 20> buffer;
  format_number(out, spec.prefix ? "0x" : "", to_digits(value, spec.hex ? 16 : 10, buffer), spec);
}

void format_signed(Writer& out, i64 value, const FormatSpec& spec) {
  if (value >= 0 || spec.hex) return format_unsigned(out, static_cast<u64>(value), spec);
  std::array<char, 20> buffer;
  format_number(out, "-", to_digits(~static_cast<u64>(value) + 1, 10, buffer), spec);
}

void format_value(Writer& out, const Bytes& bytes, const FormatSpec& spec) {
  constexpr std::string_view kUnits = "BKMGTPE";
  u64 count = bytes.count;
  usize unit = 0;
  while (count >= 1024 && count % 1024 == 0 && unit + 1 < kUnits.size()) {
    count /= 1024;
    ++unit;
  }
  BufferWriter<24> text;
  format_unsigned(text, count, {});
  text.put(kUnits[unit]);
  FormatSpec right = spec;
  right.right = !spec.left;
  format_text(out, text.text(), right);
}

void print_args(Writer& out, std::string_view format, std::span<const FormatArg> args) {
  usize next = 0;
  while (!format.empty()) {
    const usize brace = format.find_first_of("{}");
    out.write(format.substr(0, brace));
    if (brace == std::string_view::npos) return;
    format.remove_prefix(brace);
    if (format.size() > 1 && format[1] == format[0]) {
      out.put(format[0]);
      format.remove_prefix(2);
      continue;
    }
    const usize end = format.find('}');
    CHECK(format[0] == '{' && end != std::string_view::npos);
    args[next++].print(out, parse_spec(format.substr(1, end - 1)));
    format.remove_prefix(end + 1);
  }
}

}  // namespace meridian
