// SPDX-License-Identifier: MIT
/// Addresses with a type. A physical address, a kernel virtual address and an address that a program
/// gave us are different things: they do not convert into each other, and only mm/kernel/linear_map.h
/// turns a physical address into a pointer. The difference of two addresses is a size.
#pragma once

#include <compare>

#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"
#include "kernel/lib/types.h"

namespace meridian {

template <typename Kind>
class Address {
 public:
  constexpr Address() = default;
  constexpr explicit Address(u64 value) : value_(value) {}

  constexpr u64 value() const { return value_; }
  /// `alignment` is a power of two.
  constexpr bool is_aligned(u64 alignment) const { return meridian::is_aligned(value_, alignment); }
  constexpr Kind align_down(u64 alignment) const {
    return Kind(meridian::align_down(value_, alignment));
  }
  /// CHECKs that rounding up does not wrap.
  constexpr Kind align_up(u64 alignment) const { return Kind(meridian::align_up(value_, alignment)); }

  friend constexpr Kind operator+(Kind a, u64 bytes) { return Kind(a.value() + bytes); }
  friend constexpr Kind operator-(Kind a, u64 bytes) { return Kind(a.value() - bytes); }
  friend constexpr u64 operator-(Kind a, Kind b) { return a.value() - b.value(); }
  friend constexpr auto operator<=>(Kind a, Kind b) { return a.value() <=> b.value(); }
  friend constexpr bool operator==(Kind a, Kind b) { return a.value() == b.value(); }

  /// 16 hexadecimal digits with 0x, whatever the spec says.
  friend void format_value(Writer& out, const Kind& a, const FormatSpec&) {
    format_unsigned(out, a.value(), {.width = 18, .zero = true, .hex = true, .prefix = true});
  }

 private:
  u64 value_ = 0;
};

/// What the memory system sees after translation.
class PhysAddr : public Address<PhysAddr> {
  using Address::Address;
};

/// An address that the kernel may use itself (it need not be mapped).
class VirtAddr : public Address<VirtAddr> {
  using Address::Address;

 public:
  static VirtAddr of(const volatile void* pointer) {
    return VirtAddr(reinterpret_cast<u64>(pointer));
  }
};

/// An address that came from EL0: any 64-bit value at all. Nothing dereferences it but user_copy.
class UserAddr : public Address<UserAddr> {
  using Address::Address;
};

}  // namespace meridian
