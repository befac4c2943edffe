// SPDX-License-Identifier: MIT
/// Bit fields of registers and descriptors as types, and alignment arithmetic. A Field is named by the
/// manual's own bit numbers, has a value type, and refuses a value that does not fit.
#pragma once

#include <bit>
#include <concepts>
#include <type_traits>

#include "kernel/lib/check.h"
#include "kernel/lib/types.h"

namespace meridian {

/// `count` ones, from bit 0 up. 0 <= count <= 64.
constexpr u64 low_ones(unsigned count) { return count >= 64 ? ~u64{0} : (u64{1} << count) - 1; }

/// Bits [Hi:Lo] of a 64-bit word, holding a T (an integer, a bool or an enum whose values are the
/// field's encodings).
template <unsigned Hi, unsigned Lo, typename T = u64>
struct Field {
  static_assert(Hi < 64 && Lo <= Hi);
  using Type = T;
  static constexpr unsigned kHigh = Hi;
  static constexpr unsigned kLow = Lo;
  static constexpr u64 kMask = low_ones(Hi - Lo + 1) << Lo;

  /// The word with only this field set. CHECKs (at compile time in a constant) that `value` fits.
  static constexpr u64 encode(T value) {
    const u64 raw = static_cast<u64>(value);
    CHECK((raw & ~low_ones(Hi - Lo + 1)) == 0);
    return raw << Lo;
  }
  static constexpr T decode(u64 word) { return static_cast<T>((word & kMask) >> Lo); }
  static constexpr u64 replace(u64 word, T value) { return (word & ~kMask) | encode(value); }
};

/// One bit.
template <unsigned N>
struct Bit : Field<N, N, bool> {
  static constexpr u64 kSet = u64{1} << N;
  static constexpr bool is_set(u64 word) { return (word & kSet) != 0; }
};

/// Not std::has_single_bit: that counts bits, by a library call where no instruction does.
constexpr bool is_power_of_two(u64 n) { return n != 0 && (n & (n - 1)) == 0; }
/// `alignment` is a power of two in each of these.
constexpr bool is_aligned(u64 n, u64 alignment) { return (n & (alignment - 1)) == 0; }
constexpr u64 align_down(u64 n, u64 alignment) { return n & ~(alignment - 1); }
/// CHECKs that rounding up does not wrap; input must be range-checked before.
constexpr u64 align_up(u64 n, u64 alignment) {
  const u64 up = align_down(n + (alignment - 1), alignment);
  CHECK(up >= n);
  return up;
}
constexpr u64 divide_up(u64 n, u64 by) { return n / by + (n % by != 0 ? 1 : 0); }

}  // namespace meridian
