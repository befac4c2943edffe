// SPDX-License-Identifier: MIT
/// A Writer that keeps all it is given, for tests that look at what was printed.
#pragma once

#include <string>

#include "kernel/lib/format.h"

namespace meridian {

class TextWriter final : public Writer {
 public:
  void write(std::string_view more) override { text += more; }
  std::string take() { return std::exchange(text, {}); }

  std::string text;
};

}  // namespace meridian
