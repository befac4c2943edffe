// SPDX-License-Identifier: MIT
/// Self-checking builds fill freed memory with a pattern and look for it when the memory is given
/// out again: whoever wrote to what it had freed is then found. Other builds do nothing here.
#pragma once

#include "mm/frames/frame_table.h"

namespace meridian {

/// What freed frames are filled with.
inline constexpr u8 kFramePoison = 0xaa;
/// What a new object of a slab is filled with.
inline constexpr u8 kObjectFresh = 0x5a;

/// True if each of `size` bytes is `pattern`.
bool is_filled(const void* bytes, usize size, u8 pattern);

/// Fills words with a pattern that differs from address to address: nobody else writes that by
/// accident, so an object that holds it is free. `words` is 8-byte aligned, `size` a multiple of 8.
void poison_words(void* words, usize size);
bool are_poisoned(const void* words, usize size);

/// Fills a block that is being freed, as far as the linear map reaches it.
void poison_frames(FrameTable& table, Frame first, unsigned order);

/// CHECKs that the frames of a block that were poisoned still are.
void check_poison(FrameTable& table, Frame first, unsigned order);

}  // namespace meridian
