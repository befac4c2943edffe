// SPDX-License-Identifier: MIT
/// Numbers out of text that a person or a boot loader wrote. Everything else about the text is refused
/// with Errc::bad_number: an empty word, a sign, a stray character, a value that does not fit.
#pragma once

#include <string_view>

#include "kernel/lib/result.h"
#include "kernel/lib/types.h"

namespace meridian {

/// A u64 in decimal, 0x hexadecimal or 0b binary; `_` and `'` may separate digits.
Result<u64> parse_number(std::string_view text);

/// A byte count: a decimal or hexadecimal number with an optional K, M, G or T (binary units, either case,
/// optional B or iB).
Result<u64> parse_size(std::string_view text);

/// Splits the first blank-separated word off `text` and returns it; empty when there is none. Blanks
/// between double quotes belong to the word, and the quotes stay in it (as in Linux's `name="a b"`).
std::string_view next_word(std::string_view& text);

}  // namespace meridian
