// SPDX-License-Identifier: MIT
/// Args: the words behind a command, taken one after the other, each as what the command needs it
/// to be. The first word that will not do makes an Error that the command returns unchanged; the
/// shell then asks complaint() for the one line that says what was wrong.
#pragma once

#include <string_view>
#include <utility>

#include "kernel/lib/format.h"
#include "kernel/lib/result.h"
#include "mm/address.h"

namespace meridian {

/// Splits the next word off `text`: up to a blank, or between two equal quotes (" or '), which then
/// are not part of it. Errc::not_found if there is none, Errc::bad_format for a quote that does not
/// close or stands inside a word.
Result<std::string_view> next_shell_word(std::string_view& text);

class Args {
 public:
  /// `text` is what follows the command's name.
  explicit Args(std::string_view text) : rest_(text) {}

  /// Each takes the next word; `name` is how the usage calls it ("VA"). Errc::missing_argument if
  /// there is none, bad_number if it is none or has more than 64 bits, too_large if it is above
  /// `most`.
  Result<std::string_view> word(std::string_view name);
  Result<u64> number(std::string_view name, u64 most = ~u64{0});
  Result<VirtAddr> address(std::string_view name);
  /// A number with an optional K, M, G or T.
  Result<u64> size(std::string_view name);

  /// True if there is another word.
  bool more() const;
  /// Takes the next word if it is `keyword`.
  bool take(std::string_view keyword);
  /// Takes all that follows, as it was typed.
  std::string_view rest() { return std::exchange(rest_, {}); }
  /// Every command calls this after its last argument: Errc::unexpected_argument if there is
  /// another.
  Result<void> end();

  /// Makes the error for the word taken last, which is well formed but will not do: "walk: 'x'
  /// <why>".
  Error refuse(std::string_view why);

  /// True if an argument was wrong; then print_complaint() says how, without a new line.
  bool has_complaint() const { return !why_.empty(); }
  void print_complaint(Writer& out) const;

 private:
  Error complain(Errc code, std::string_view subject, bool quoted, std::string_view why);

  std::string_view rest_;
  std::string_view last_;  // the word taken last
  u64 index_ = 0;          // of the word taken last, from 1

  std::string_view subject_, why_;
  bool subject_is_text_ = false;  // quoted when printed: somebody typed it
};

}  // namespace meridian
