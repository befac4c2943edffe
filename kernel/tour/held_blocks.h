// SPDX-License-Identifier: MIT
/// Blocks of frames taken in great numbers, to be given back together. They carry their own list,
/// in their first words, so that the list fits in one word however many they are.
#pragma once

#include <utility>

#include "mm/frames/frames.h"
#include "mm/kernel/kmap.h"

namespace meridian {

class [[nodiscard]] HeldBlocks {
 public:
  HeldBlocks() = default;
  HeldBlocks(HeldBlocks&& other) noexcept : newest_(std::exchange(other.newest_, 0)) {}
  HeldBlocks& operator=(HeldBlocks&&) = delete;
  ~HeldBlocks() { free_all(); }

  void add(Frame block, unsigned order);
  /// Takes whatever is free in zone `highest` and the lower ones.
  void take_all(ZoneKind highest);
  /// Takes whatever is free in `zone` alone.
  void take_zone(ZoneKind zone);
  void free_all();

  /// Calls visit(FrameRange) for each block, the newest first.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (u64 number = newest_; number != 0;) {
      const Frame block = Frame::from_number(number);
      const Note note = note_of(block);
      visit(FrameRange{block, u64{1} << note.order});
      number = note.next;
    }
  }
  /// So many bytes at the start of each block are the list's.
  static constexpr usize kNoteSize = 16;

 private:
  struct Note {
    u64 next;  // frame number of the block held before, or 0
    unsigned order;
  };
  static_assert(sizeof(Note) == kNoteSize);

  static Note note_of(Frame block) { return *KmapLocal(block).pointer<Note>(); }

  u64 newest_ = 0;
};

}  // namespace meridian
