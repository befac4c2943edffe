// SPDX-License-Identifier: MIT
/// Earlier lines, as many as fit into Capacity bytes; the oldest make room for the newest.
#pragma once

#include <array>
#include <cstring>
#include <string_view>

#include "kernel/lib/types.h"

namespace meridian {

template <usize Capacity>
class History {
 public:
  /// Remembers `line`, unless it is empty, the same as the newest, or longer than all there is.
  void add(std::string_view line) {
    if (line.empty() || line.size() + 1 > Capacity || line == newest(1)) return;
    usize drop = 0;
    while (size_ - drop + line.size() + 1 > Capacity) drop = end_of(drop) + 1;
    std::memmove(text_.data(), text_.data() + drop, size_ - drop);
    size_ -= drop;
    std::memcpy(text_.data() + size_, line.data(), line.size());
    size_ += line.size();
    text_[size_++] = '\0';
  }

  /// The `n`th newest line, from 1; empty if there are not so many.
  std::string_view newest(usize n) const {
    usize end = size_;  // one past the NUL of the line looked at
    while (end != 0) {
      usize start = end - 1;
      while (start != 0 && text_[start - 1] != '\0') --start;
      if (--n == 0) return {text_.data() + start, end - 1 - start};
      end = start;
    }
    return {};
  }

 private:
  usize end_of(usize start) const {
    while (text_[start] != '\0') ++start;
    return start;
  }

  std::array<char, Capacity> text_{};  // lines in order of age, each with a NUL behind it
  usize size_ = 0;
};

}  // namespace meridian
