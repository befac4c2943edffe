// SPDX-License-Identifier: MIT
#include "kernel/tour/fragment.h"

#include "mm/kernel/linear_map.h"

namespace meridian {
namespace {

/// Pairs of frames of which one is held and one freed: these stay as the scattered free frames.
constexpr u64 kPairs = 2560;

}  // namespace

/// Takes `singles` aligned pairs frame by frame; of each, the even frame is held and the odd one is
/// chained aside, to be freed when all larger blocks are gone.
void Fragmentation::hold_every_second(u64 singles) {
  u64 aside = 0;
  for (u64 i = 0; i < 2 * singles; ++i) {
    const Result<Frame> frame = alloc_frame(FrameOwner::kernel);
    if (!frame.has_value()) break;
    if (frame.value().number() % 2 == 0) {
      held_.add(frame.value(), 0);
    } else {
      *linear_map.pointer<u64>(frame.value()) = aside;
      aside = frame.value().number();
    }
  }
  held_.take_all(ZoneKind::highmem);
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
  held_.free_all();
  drain_frame_cache();
}

}  // namespace meridian
