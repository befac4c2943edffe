// SPDX-License-Identifier: MIT
/// What a buddy allocator must hold when these frames are free: worked out from the set alone.
#pragma once

#include <array>
#include <vector>

#include "mm/frames/frame_table.h"

namespace meridian {

/// A set of frames from `first` on, which is a multiple of the largest block.
struct FrameSet {
  FrameSet(u64 first, u64 count) : first(first), is_in(align_up(count, kMaxBlockFrames)) {}

  bool contains(u64 number) const { return is_in[number - first] != 0; }
  /// Adds or removes frames; false if one of them was in already, or not in.
  bool add(u64 number, u64 count = 1) { return set(number, count, 1); }
  bool remove(u64 number, u64 count = 1) { return set(number, count, 0); }
  u64 size() const { return size_; }

  u64 first;
  std::vector<u8> is_in;

 private:
  bool set(u64 number, u64 count, u8 to) {
    for (u64 i = number - first; i < number - first + count; ++i) {
      if (is_in[i] == to) return false;
      is_in[i] = to;
    }
    size_ += to != 0 ? count : -count;
    return true;
  }

  u64 size_ = 0;
};

/// How many free blocks of each order there are: a block is one if all its frames are free and
/// those of the block twice its size around it are not (or it is of the largest order).
inline std::array<u64, kMaxOrder + 1> free_blocks(const FrameSet& free) {
  std::array<u64, kMaxOrder + 1> counts{};
  std::vector<u8> whole = free.is_in;  // of the aligned blocks of an order: which are all free
  for (unsigned order = 0; order < kMaxOrder; ++order) {
    std::vector<u8> larger(whole.size() / 2);
    for (usize i = 0; i < larger.size(); ++i) {
      larger[i] = whole[2 * i] & whole[2 * i + 1];
      if (!larger[i]) counts[order] += u64{whole[2 * i]} + whole[2 * i + 1];
    }
    whole = larger;
  }
  for (const u8 block : whole) counts[kMaxOrder] += block;
  return counts;
}

}  // namespace meridian
