// SPDX-License-Identifier: MIT
#include "mm/frames/poison.h"

#include <cstring>

#include "mm/kernel/linear_map.h"

namespace meridian {

bool is_filled(const void* bytes, usize size, u8 pattern) {
  const u8* first = static_cast<const u8*>(bytes);
  // All bytes are equal if each equals the one before it.
  return size == 0 || (first[0] == pattern && std::memcmp(first, first + 1, size - 1) == 0);
}

void poison_frames(FrameTable& table, Frame first, unsigned order) {
  for (u64 i = 0; i < u64{1} << order; ++i) {
    const Frame frame = first + i;
    if (!linear_map.to_virt(frame.address())) continue;
    std::memset(linear_map.pointer(frame), kFramePoison, kPageSize);
    table[frame].set_poisoned(true);
  }
}

void check_poison(FrameTable& table, Frame first, unsigned order) {
  for (u64 i = 0; i < u64{1} << order; ++i) {
    const Frame frame = first + i;
    if (!FrameInfo::Poisoned::is_set(table[frame].head())) continue;
    const bool written_after_free = !is_filled(linear_map.pointer(frame), kPageSize, kFramePoison);
    CHECK(!written_after_free);
    table[frame].set_poisoned(false);
  }
}

}  // namespace meridian
