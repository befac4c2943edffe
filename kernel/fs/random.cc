// SPDX-License-Identifier: MIT
#include "kernel/fs/random.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace meridian {
namespace {

constinit RandomBytes the_random_bytes;

using Block = std::array<u32, 16>;

[[gnu::always_inline]] inline void quarter_round(Block& b, usize i, usize j, usize k, usize l) {
  b[i] += b[j], b[l] = std::rotl(b[l] ^ b[i], 16);
  b[k] += b[l], b[j] = std::rotl(b[j] ^ b[k], 12);
  b[i] += b[j], b[l] = std::rotl(b[l] ^ b[i], 8);
  b[k] += b[l], b[j] = std::rotl(b[j] ^ b[k], 7);
}

}  // namespace

Block chacha20_block(const std::array<u32, 8>& key, u32 counter, const std::array<u32, 3>& nonce) {
  const Block start{0x6170'7865, 0x3320'646e, 0x7962'2d32, 0x6b20'6574,  // "expand 32-byte k"
                    key[0],      key[1],      key[2],      key[3],      key[4],   key[5],
                    key[6],      key[7],      counter,     nonce[0],    nonce[1], nonce[2]};
  Block block = start;
  for (unsigned i = 0; i < 10; ++i) {
    quarter_round(block, 0, 4, 8, 12);
    quarter_round(block, 1, 5, 9, 13);
    quarter_round(block, 2, 6, 10, 14);
    quarter_round(block, 3, 7, 11, 15);
    quarter_round(block, 0, 5, 10, 15);
    quarter_round(block, 1, 6, 11, 12);
    quarter_round(block, 2, 7, 8, 13);
    quarter_round(block, 3, 4, 9, 14);
  }
  for (usize i = 0; i < block.size(); ++i) block[i] += start[i];
  return block;
}

RandomBytes& random_bytes() { return the_random_bytes; }

void RandomBytes::add(u64 entropy) {
  state_.with([&](State& state) {
    state.key[0] ^= static_cast<u32>(entropy);
    state.key[1] ^= static_cast<u32>(entropy >> 32);
    const Block mixed = chacha20_block(state.key, 0, {});
    std::memcpy(state.key.data(), mixed.data(), sizeof(state.key));
  });
}

/// Of block 0 of each request half is the key of the next, and half are the first bytes; the blocks
/// behind it are the others.
void RandomBytes::fill(std::span<std::byte> to) {
  Key key;
  Block block = state_.with([&](State& state) {
    key = state.key;
    const Block first = chacha20_block(key, 0, {});
    std::memcpy(state.key.data(), first.data(), sizeof(Key));
    return first;
  });
  auto bytes = std::as_bytes(std::span(block)).subspan(sizeof(Key));
  for (u32 counter = 1;; ++counter) {
    const usize count = std::min(to.size(), bytes.size());
    std::memcpy(to.data(), bytes.data(), count);
    to = to.subspan(count);
    if (to.empty()) return;
    block = chacha20_block(key, counter, {});
    bytes = std::as_bytes(std::span(block));
  }
}

}  // namespace meridian
