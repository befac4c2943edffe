// SPDX-License-Identifier: MIT
#include "kernel/tour/fragment.h"

#include "mm/kernel/linear_map.h"

namespace meridian {
namespace {

/// What a held block says of itself, in its own first words.
struct Held {
  u64 next;  // frame number of the block held before, or 0
  unsigned order;
};

/// Pairs of frames of which one is held and one freed: these stay as the scattered free frames.
constexpr u64 kPairs = 2560;

}  // namespace

void Fragmentation::hold(Frame block, unsigned order) {
  *linear_map.pointer<Held>(block) = {held_, order};
  held_ = block.number();
}

void Fragmentation::hold_all_blocks_of(unsigned order) {
  for (;;) {
    const Result<Frame> block = alloc_frames(order, FrameOwner::kernel);
    if (!block.has_value()) return;
    hold(block.value(), order);
  }
}

/// Takes `singles` aligned pairs frame by frame; of each, the even frame is held and the odd one is
/// chained aside, to be freed when all larger blocks are gone.
void Fragmentation::hold_every_second(u64 singles) {
  u64 aside = 0;
  for (u64 i = 0; i < 2 * singles; ++i) {
    const Result<Frame> frame = alloc_frame(FrameOwner::kernel);
    if (!frame.has_value()) break;
    if (frame.value().number() % 2 == 0) {
      hold(frame.value(), 0);
    } else {
      *linear_map.pointer<u64>(frame.value()) = aside;
      aside = frame.value().number();
    }
  }
  for (unsigned order = kMaxOrder + 1; order-- > 0;) hold_all_blocks_of(order);
  while (aside != 0) {
    const Frame frame = Frame::from_number(aside);
    aside = *linear_map.pointer<u64>(frame);
    free_frame(frame);
  }
  drain_frame_cache();
}

Fragmentation Fragmentation::make() {
  Fragmentation broken;
  drain_frame_cache();
  broken.hold_every_second(kPairs);
  return broken;
}

void Fragmentation::undo() {
  while (held_ != 0) {
    const Frame block = Frame::from_number(held_);
    const Held held = *linear_map.pointer<Held>(block);
    held_ = held.next;
    free_frames(block, held.order);
  }
  drain_frame_cache();
}

}  // namespace meridian
