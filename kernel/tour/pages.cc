// SPDX-License-Identifier: MIT
#include "kernel/tour/pages.h"

#include <arch/machine.h>

#include "mm/image.h"
#include "mm/kernel/kernel_space.h"

namespace meridian {
namespace {

constexpr usize kShownOfEachEnd = 6;  // frames shown at the start and at the end of a long list

void append(Writer& out, std::span<const Frame> frames) {
  for (const Frame f : frames) print(out, " {:x}", f.number());
}

}  // namespace

ListedFrames frames_behind(const void* buffer, usize pages) {
  ListedFrames frames;
  for (usize i = 0; i < pages; ++i) {
    const auto seen = kernel_space().translate(VirtAddr::of(buffer) + i * kPageSize);
    if (!seen.has_value() || !frames.push(Frame::containing(seen.value().pa))) break;
  }
  return frames;
}

Frame somewhere_in(FrameRange ram) {
  for (;;) {
    const Frame frame = ram.first + arch::counter() * 0x9e37'79b9'7f4a'7c15 % ram.count;
    if (!image_phys().contains(frame.address())) return frame;
  }
}

bool are_contiguous(std::span<const Frame> frames) {
  for (usize i = 1; i < frames.size(); ++i)
    if (frames[i] != frames[i - 1] + 1) return false;
  return true;
}

void show_frames(Evidence& e, std::string_view title, std::span<const Frame> frames) {
  BufferWriter<256> line;
  if (frames.size() <= 2 * kShownOfEachEnd) {
    append(line, frames);
  } else {
    append(line, frames.first(kShownOfEachEnd));
    line.write(" ...");
    append(line, frames.last(kShownOfEachEnd));
  }
  e.show("{}: {} frames, PFN{}", title, frames.size(), line.text());
}

}  // namespace meridian
