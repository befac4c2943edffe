// SPDX-License-Identifier: MIT
/// A size for people: in its largest unit, with up to three decimals, never rounded up. What Bytes
/// prints as 901112K is 879.992M here.
#pragma once

#include "kernel/lib/format.h"

namespace meridian {

struct DecimalSize {
  u64 count;
};

void format_value(Writer& out, const DecimalSize& size, const FormatSpec& spec);

}  // namespace meridian
