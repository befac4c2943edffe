// SPDX-License-Identifier: MIT
/// FixedVector<T, N>: up to N objects in place, for lists whose length someone else decides and
/// whose limit we decide. It never allocates; a full one says no.
#pragma once

#include <array>

#include "kernel/lib/check.h"
#include "kernel/lib/types.h"

namespace meridian {

template <typename T, usize N>
class FixedVector {
 public:
  /// False, and nothing changed, if all N places are taken.
  [[nodiscard]] constexpr bool push(const T& value) {
    if (size_ == N) return false;
    items_[size_++] = value;
    return true;
  }
  constexpr void clear() { size_ = 0; }

  static constexpr usize capacity() { return N; }
  constexpr usize size() const { return size_; }
  constexpr bool is_empty() const { return size_ == 0; }
  constexpr T& operator[](usize i) {
    CHECK(i < size_);
    return items_[i];
  }
  constexpr const T& operator[](usize i) const {
    CHECK(i < size_);
    return items_[i];
  }
  constexpr T* begin() { return items_.data(); }
  constexpr T* end() { return items_.data() + size_; }
  constexpr const T* begin() const { return items_.data(); }
  constexpr const T* end() const { return items_.data() + size_; }

 private:
  std::array<T, N> items_{};
  usize size_ = 0;
};

}  // namespace meridian
