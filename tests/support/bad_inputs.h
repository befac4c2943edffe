// SPDX-License-Identifier: MIT
/// Makes bad inputs out of good ones, and counts them (tally.h).
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "kernel/lib/types.h"
#include "tally.h"

namespace meridian {

/// A copy of `bytes` in a heap block of exactly their size (and aligned to 16), so that the address
/// sanitizer sees the first byte read past its end.
class ExactCopy {
 public:
  explicit ExactCopy(std::span<const std::byte> bytes)
      : bytes_(new std::byte[bytes.size()]), size_(bytes.size()) {
    if (!bytes.empty()) std::memcpy(bytes_.get(), bytes.data(), bytes.size());
  }
  std::span<const std::byte> view() const { return {bytes_.get(), size_}; }
  std::byte& operator[](usize i) { return bytes_[i]; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  usize size_;
};

/// Calls `use(span)` with `good` cut short at every length below its own.
template <typename Use>
void for_each_truncation(const char* interface, std::span<const std::byte> good, Use use) {
  for (usize size = 0; size < good.size(); ++size) {
    count_bad_input(interface);
    use(ExactCopy(good.first(size)).view());
  }
}

/// Calls `use(span)` `times` times with `good` after one to eight random changes: a bit flipped, a
/// byte or an aligned word replaced by an edge value, a stretch copied elsewhere.
template <typename Use>
void for_each_mutation(const char* interface, std::span<const std::byte> good, unsigned times,
                       u64 seed, Use use) {
  static constexpr u8 kEdges[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
  std::mt19937_64 random(seed);
  for (unsigned i = 0; i < times; ++i) {
    ExactCopy copy(good);
    const auto at = [&](usize room) { return random() % (good.size() - room + 1); };
    for (u64 changes = 1 + random() % 8; changes != 0; --changes) {
      switch (random() % 4) {
        case 0:
          copy[at(1)] ^= std::byte{static_cast<u8>(1u << random() % 8)};
          break;
        case 1:
          copy[at(1)] = std::byte{kEdges[random() % std::size(kEdges)]};
          break;
        case 2: {
          const usize start = at(4) & ~usize{3};
          for (usize b = 0; b < 4; ++b)
            copy[start + b] = std::byte{kEdges[random() % std::size(kEdges)]};
          break;
        }
        default: {
          const usize length = 1 + random() % 16, from = at(16), to = at(16);
          std::memmove(&copy[to], &copy[from], length);
        }
      }
    }
    count_bad_input(interface);
    use(copy.view());
  }
}

}  // namespace meridian
