// SPDX-License-Identifier: MIT
/// The integer names used everywhere: one width, one spelling.
#pragma once

#include <cstddef>
#include <cstdint>

namespace meridian {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using usize = std::size_t;

/// Wide enough for the product of two u64.
using u128 = unsigned __int128;

inline constexpr u64 operator""_KiB(unsigned long long n) { return n << 10; }
inline constexpr u64 operator""_MiB(unsigned long long n) { return n << 20; }
inline constexpr u64 operator""_GiB(unsigned long long n) { return n << 30; }
inline constexpr u64 operator""_TiB(unsigned long long n) { return n << 40; }

}  // namespace meridian
