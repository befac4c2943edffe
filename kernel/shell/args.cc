// SPDX-License-Identifier: MIT
#include "kernel/shell/args.h"

#include "kernel/lib/parse.h"
#include "kernel/lib/quoted.h"

namespace meridian {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view without_blanks(std::string_view text) {
  const usize start = text.find_first_not_of(kBlanks);
  return start == std::string_view::npos ? std::string_view{} : text.substr(start);
}

}  // namespace

Result<std::string_view> next_shell_word(std::string_view& text) {
  text = without_blanks(text);
  if (text.empty()) return Error{Errc::not_found};
  const char first = text[0];
  std::string_view word;
  if (first == '"' || first == '\'') {
    const usize end = text.find(first, 1);
    if (end == std::string_view::npos) return Error{Errc::bad_format};
    word = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (!text.empty() && kBlanks.find(text[0]) == std::string_view::npos)
      return Error{Errc::bad_format};
  } else {
    word = text.substr(0, text.find_first_of(kBlanks));
    text.remove_prefix(word.size());
    if (word.find_first_of("\"'") != std::string_view::npos) return Error{Errc::bad_format};
  }
  return word;
}

Error Args::complain(Errc code, std::string_view subject, bool quoted, std::string_view why) {
  subject_ = subject;
  subject_is_text_ = quoted;
  why_ = why;
  return Error{code, index_};
}

void Args::print_complaint(Writer& out) const {
  if (subject_is_text_)
    print(out, "{} {}", Quoted{subject_}, why_);
  else
    print(out, "{} {}", subject_, why_);
}

Result<std::string_view> Args::word(std::string_view name) {
  ++index_;
  const std::string_view before = without_blanks(rest_);
  const Result<std::string_view> next = next_shell_word(rest_);
  if (next.has_value()) return last_ = next.value();
  if (next.error().code == Errc::not_found)
    return complain(Errc::missing_argument, name, false, "is missing");
  return complain(Errc::bad_format, before, true, "has a quote that does not close around it");
}

Result<u64> Args::number(std::string_view name, u64 most) {
  const std::string_view text = TRY(word(name));
  const Result<u64> value = parse_number(text);
  if (!value.has_value())
    return complain(Errc::bad_number, text, true, "is not a number of at most 64 bits");
  if (value.value() > most) return complain(Errc::too_large, text, true, "is too large");
  return value;
}

Result<VirtAddr> Args::address(std::string_view name) {
  const std::string_view text = TRY(word(name));
  const Result<u64> value = parse_number(text);
  if (!value.has_value())
    return complain(Errc::bad_number, text, true, "is not an address (0x and up to 16 digits)");
  return VirtAddr(value.value());
}

Result<u64> Args::size(std::string_view name) {
  const std::string_view text = TRY(word(name));
  const Result<u64> value = parse_size(text);
  if (!value.has_value())
    return complain(Errc::bad_number, text, true, "is not a size (such as 4096, 64K or 1M)");
  return value;
}

bool Args::more() const { return !without_blanks(rest_).empty(); }

bool Args::take(std::string_view keyword) {
  std::string_view after = rest_;
  const Result<std::string_view> next = next_shell_word(after);
  if (!next.has_value() || next.value() != keyword) return false;
  ++index_;
  last_ = next.value();
  rest_ = after;
  return true;
}

Result<void> Args::end() {
  if (!more()) return {};
  ++index_;
  const std::string_view text = without_blanks(rest_);
  return complain(Errc::unexpected_argument, text.substr(0, text.find_first_of(kBlanks)), true,
                  "is one argument too many");
}

Error Args::refuse(std::string_view why) { return complain(Errc::bad_format, last_, true, why); }

}  // namespace meridian
