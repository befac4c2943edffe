// SPDX-License-Identifier: MIT
/// Self-checking builds fill freed memory with a pattern and look for it when the memory is given
/// out again: whoever wrote to what it had freed is then found. Other builds do nothing here.
#pragma once

#include <atomic>

#include "mm/frames/frame_table.h"

namespace meridian {

/// What freed frames are filled with.
inline constexpr u8 kFramePoison = 0xaa;
/// What a new object of a slab is filled with.
inline constexpr u8 kObjectFresh = 0x5a;

/// While one lives, freed memory stays as it is and new memory is not looked at, as in other
/// builds: what a pair of calls costs, and what it leaves behind, shows only so. An object of a
/// slab that was written to and freed meanwhile must be taken again before the end, and freed after
/// it.
class [[nodiscard]] PlainMemory {
 public:
  PlainMemory() { active_.store(true, std::memory_order_relaxed); }
  ~PlainMemory() { active_.store(false, std::memory_order_relaxed); }
  PlainMemory(const PlainMemory&) = delete;
  PlainMemory& operator=(const PlainMemory&) = delete;
  static bool active() { return active_.load(std::memory_order_relaxed); }

 private:
  static inline constinit std::atomic<bool> active_{false};
};

/// True if each of `size` bytes is `pattern`.
bool is_filled(const void* bytes, usize size, u8 pattern);

/// Fills words with a pattern that differs from address to address: nobody else writes that by
/// accident, so an object that holds it is free. `words` is 8-byte aligned, `size` a multiple of 8.
void poison_words(void* words, usize size);
bool are_poisoned(const void* words, usize size);

/// Fills a block that is being freed, as far as the linear map reaches it.
void poison_frames(FrameTable& table, Frame first, unsigned order);

/// CHECKs that the frames of a block that were poisoned still are; from now on they need not be.
void check_poison(FrameTable& table, Frame first, unsigned order);

}  // namespace meridian
