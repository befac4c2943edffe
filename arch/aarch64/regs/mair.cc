// SPDX-License-Identifier: MIT
/// Memory attributes in words.
#include "arch/aarch64/regs/mair.h"

#include "arch/aarch64/regs/describe.h"

namespace meridian::arch {

namespace {

using Outer = Field<7, 4>;
using Inner = Field<3, 0>;

void describe_device(Writer& out, u8 attr) {
  static constexpr const char* kNames[] = {"nGnRnE", "nGnRE", "nGRE", "GRE"};
  using Kind = Field<3, 2>;
  constexpr u64 kRest = Field<1, 0>::kMask;
  print(out, "device {}{}", kNames[Kind::decode(attr)], (attr & kRest) != 0 ? " (extended)" : "");
}

/// One half byte of a normal memory type.
void describe_cacheability(Writer& out, u64 half) {
  using Allocate = Field<1, 0>;
  constexpr u64 kNonCacheable = 0b0100, kWriteBack = 0b0100, kNonTransient = 0b1000;
  static constexpr const char* kAllocates[] = {"no allocation", "write allocate", "read allocate",
                                               "read and write allocate"};
  if (half == kNonCacheable) {
    print(out, "non-cacheable");
    return;
  }
  print(out, "{}{}, {}", (half & kWriteBack) != 0 ? "write-back" : "write-through",
        (half & kNonTransient) != 0 ? "" : " transient", kAllocates[Allocate::decode(half)]);
}

}  // namespace

void describe_mair_attr(Writer& out, u8 attr) {
  const u64 outer = Outer::decode(attr), inner = Inner::decode(attr);
  if (outer == 0) return describe_device(out, attr);
  if (inner == 0) {
    // The features that give these a meaning (tagged memory, XS) are not used here.
    print(out, "normal, special or reserved");
    return;
  }
  print(out, "normal ");
  describe_cacheability(out, inner);
  if (inner == outer) return;
  print(out, " (inner), ");
  describe_cacheability(out, outer);
  print(out, " (outer)");
}

void Mair::describe(Writer& out) const {
  register_line(out, "MAIR_EL1", raw_);
  for (unsigned slot = 0; slot < kSlots; ++slot) {
    BufferWriter<8> name;
    print(name, "Attr{}", slot);
    begin_field(out, name.text(), slot * 8 + 7, slot * 8, attr(slot));
    describe_mair_attr(out, attr(slot));
    print(out, "\n");
  }
}

}  // namespace meridian::arch
