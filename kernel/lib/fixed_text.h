// SPDX-License-Identifier: MIT
/// A short text that holds its bytes itself. Constant data that boot reads before the image has
/// relocated itself holds no pointer, so no string_view either.
#pragma once

#include <string_view>

#include "kernel/lib/check.h"
#include "kernel/lib/types.h"

namespace meridian {

template <usize N>
class FixedText {
 public:
  constexpr FixedText() = default;
  /// CHECKs that it fits.
  constexpr FixedText(std::string_view text) : size_(static_cast<u8>(text.size())) {
    CHECK(text.size() <= N);
    for (usize i = 0; i < text.size(); ++i) text_[i] = text[i];
  }
  constexpr FixedText(const char* text) : FixedText(std::string_view(text)) {}

  constexpr std::string_view view() const { return {text_, size_}; }
  constexpr operator std::string_view() const { return view(); }

  friend constexpr bool operator==(const FixedText& a, std::string_view b) { return a.view() == b; }

 private:
  static_assert(N <= 0xff);
  char text_[N] = {};
  u8 size_ = 0;
};

}  // namespace meridian
