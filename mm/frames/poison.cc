// SPDX-License-Identifier: MIT
#include "mm/frames/poison.h"

#include <cstring>

#include "mm/kernel/linear_map.h"

namespace meridian {
namespace {

u64 poison_of(const u64* word) {
  constexpr u64 kPattern = 0x6b6b'6b6b'6b6b'6b6b;
  return kPattern ^ VirtAddr::of(word).value();
}

}  // namespace

bool is_filled(const void* bytes, usize size, u8 pattern) {
  const u8* first = static_cast<const u8*>(bytes);
  // All bytes are equal if each equals the one before it.
  return size == 0 || (first[0] == pattern && std::memcmp(first, first + 1, size - 1) == 0);
}

void poison_words(void* words, usize size) {
  u64* const first = static_cast<u64*>(words);
  for (u64* word = first; word != first + size / 8; ++word) *word = poison_of(word);
}

bool are_poisoned(const void* words, usize size) {
  const u64* const first = static_cast<const u64*>(words);
  for (const u64* word = first; word != first + size / 8; ++word)
    if (*word != poison_of(word)) return false;
  return true;
}

void poison_frames(FrameTable& table, Frame first, unsigned order) {
  if (PlainMemory::active()) return;
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
    const bool written_after_free =
        !PlainMemory::active() && !is_filled(linear_map.pointer(frame), kPageSize, kFramePoison);
    CHECK(!written_after_free);
    table[frame].set_poisoned(false);
  }
}

}  // namespace meridian
