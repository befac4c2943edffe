// SPDX-License-Identifier: MIT
/// ASIDs: the numbers that tag an address space's translations in the TLBs. 0 is nobody's: it is
/// current while no program runs. A number that comes back has been invalidated on every CPU, so
/// the next space that gets it meets no translation of the last one.
#pragma once

#include <array>
#include <bit>
#include <utility>

#include "kernel/lib/bits.h"
#include "kernel/lib/result.h"
#include "kernel/lib/types.h"

namespace meridian {

/// Which of the numbers below `count` are taken. It hands them out in turn, so that a number rests
/// as long as possible before it is used again.
class AsidPool {
 public:
  static constexpr u32 kMost = 65'536;

  constexpr AsidPool() { taken_[0] = 1; }

  /// A number from 1 to count - 1 that nobody has; `count` is the same at each call, a power of two
  /// of at least 64. Errc::out_of_slots.
  Result<u16> take(u32 count) {
    CHECK(count >= 64 && count <= kMost && is_power_of_two(count));
    const u32 words = count / 64, first = next_ / 64 % words;
    for (u32 i = 0; i <= words; ++i) {
      const u32 word = (first + i) % words;
      // In the first word the numbers before next_ come last: when the search is round once.
      const u64 skipped = i == 0 ? low_ones(next_ % 64) : 0;
      const u64 free = ~(taken_[word] | skipped);
      if (free == 0) continue;
      const u32 bit = static_cast<u32>(std::countr_zero(free));
      taken_[word] |= u64{1} << bit;
      next_ = word * 64 + bit + 1;
      return static_cast<u16>(word * 64 + bit);
    }
    return Error{Errc::out_of_slots, count - 1};
  }

  /// `asid` was taken, and no TLB knows it any more.
  void give(u16 asid) {
    const u64 bit = u64{1} << asid % 64;
    CHECK(asid != 0 && (taken_[asid / 64] & bit) != 0);
    taken_[asid / 64] &= ~bit;
  }

 private:
  std::array<u64, kMost / 64> taken_{};
  u32 next_ = 1;
};

/// One number of the machine's pool, given back at the end.
class Asid {
 public:
  static Result<Asid> take();

  Asid(Asid&& other) noexcept : value_(std::exchange(other.value_, u16{0})) {}
  Asid& operator=(Asid&&) = delete;
  ~Asid();

  u16 value() const { return value_; }

 private:
  explicit Asid(u16 value) : value_(value) {}
  u16 value_;  // 0: moved away
};

}  // namespace meridian
