// SPDX-License-Identifier: MIT
#include "kernel/tour/held_blocks.h"

namespace meridian {

void HeldBlocks::add(Frame block, unsigned order) {
  *KmapLocal(block).pointer<Note>() = {newest_, order};
  newest_ = block.number();
}

void HeldBlocks::take_all(ZoneKind highest) {
  for (unsigned order = kMaxOrder + 1; order-- > 0;)
    while (const auto block = alloc_frames(order, FrameOwner::kernel, highest))
      add(block.value(), order);
}

void HeldBlocks::take_zone(ZoneKind zone) {
  for (unsigned order = kMaxOrder + 1; order-- > 0;)
    while (const auto block = alloc_frames(order, FrameOwner::kernel, zone)) {
      if (zone_of(block.value()) != zone) {
        free_frames(block.value(), order);
        break;
      }
      add(block.value(), order);
    }
}

void HeldBlocks::free_all() {
  while (newest_ != 0) {
    const Frame block = Frame::from_number(newest_);
    const Note note = note_of(block);
    newest_ = note.next;
    free_frames(block, note.order);
  }
}

}  // namespace meridian
