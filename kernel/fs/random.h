// SPDX-License-Identifier: MIT
/// Random bytes for /dev/urandom, getrandom(2) and AT_RANDOM: ChaCha20's key stream (RFC 8439)
/// under a key that is made of the machine's counter. The stream is good; the key is not: whoever
/// knows about when the machine started can try all keys. So it is no source of secrets.
#pragma once

#include <array>
#include <span>

#include "kernel/lib/types.h"
#include "kernel/sync/spinlock.h"

namespace meridian {

class RandomBytes {
 public:
  constexpr RandomBytes() = default;

  /// Mixes `entropy` into the key.
  void add(u64 entropy);
  /// Fills `to`; and changes the key, so that what was given cannot be had again.
  void fill(std::span<std::byte> to);

 private:
  using Key = std::array<u32, 8>;
  struct State {
    Key key{};
  };
  Locked<State> state_;
};

/// One block of the key stream (RFC 8439, 2.3).
std::array<u32, 16> chacha20_block(const std::array<u32, 8>& key, u32 counter,
                                   const std::array<u32, 3>& nonce);

/// The machine's.
RandomBytes& random_bytes();

}  // namespace meridian
