// SPDX-License-Identifier: MIT
/// Reads a register's description back: which bits it named, and the line of one field. So that a test
/// can say "every bit but these", and that what is printed is what the register holds.
#pragma once

#include <cstdio>
#include <sstream>
#include <string>

#include "kernel/lib/types.h"

namespace meridian::arch {

struct DescribedFields {
  u64 bits = 0;        // named by some line
  u64 rebuilt = 0;     // the values of all lines, put back where they belong
  bool twice = false;  // some bit was named by two lines

  /// Lines are "  NAME [high:low] 0xVALUE  MEANING", or "[bit]"; others are passed over.
  explicit DescribedFields(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      unsigned high = 0, low = 0;
      unsigned long long value = 0;
      const char* s = line.c_str();
      if (std::sscanf(s, "  %*s [%u:%u] 0x%llx  %*1s", &high, &low, &value) == 3)
        add(high, low, value);
      else if (std::sscanf(s, "  %*s [%u] 0x%llx  %*1s", &low, &value) == 2)
        add(low, low, value);
    }
  }

 private:
  void add(unsigned high, unsigned low, u64 value) {
    for (unsigned bit = low; bit <= high; ++bit) {
      twice |= (bits >> bit & 1) != 0;
      bits |= u64{1} << bit;
    }
    rebuilt |= value << low;
  }
};

/// The line that begins with two blanks and `name`, without its line end; empty if there is none.
inline std::string line_of(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.rfind("  " + name + " ", 0) == 0) return line;
  return {};
}

}  // namespace meridian::arch
