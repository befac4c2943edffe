// SPDX-License-Identifier: MIT
#include "kernel/lib/quoted.h"

namespace meridian {

void format_value(Writer& out, const Quoted& quoted, const FormatSpec&) {
  out.put('\'');
  for (const char c : quoted.text.substr(0, Quoted::kLongest)) {
    if (c >= ' ' && c <= '~')
      out.put(c);
    else
      print(out, "\\x{:02x}", static_cast<u8>(c));
  }
  if (quoted.text.size() > Quoted::kLongest) out.write("...");
  out.put('\'');
}

}  // namespace meridian
