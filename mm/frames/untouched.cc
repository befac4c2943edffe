// SPDX-License-Identifier: MIT
#include "mm/frames/untouched.h"

#include <algorithm>

namespace meridian {

void Untouched::add(FrameRange run, ZoneKind zone) {
  CHECK(count_ < kMaxRuns);
  runs_[count_++] = {run, zone};
  totals_[static_cast<usize>(zone)] += run.count;
}

FrameRange Untouched::first_run(ZoneKind zone) const {
  for (usize i = 0; i < count_; ++i)
    if (runs_[i].zone == zone && runs_[i].frames.count != 0) return runs_[i].frames;
  return {};
}

FrameRange Untouched::take_front(ZoneKind zone, u64 count) {
  for (usize i = 0; i < count_; ++i) {
    FrameRange& run = runs_[i].frames;
    if (runs_[i].zone != zone || run.count == 0) continue;
    const FrameRange piece{run.first, std::min(count, run.count)};
    run = {piece.end(), run.count - piece.count};
    totals_[static_cast<usize>(zone)] -= piece.count;
    return piece;
  }
  return {};
}

FrameRange Untouched::run_of(Frame frame) const {
  for (usize i = 0; i < count_; ++i)
    if (runs_[i].frames.contains(frame)) return runs_[i].frames;
  return {};
}

void Untouched::count_blocks(ZoneKind zone, std::array<u64, kMaxOrder + 1>& blocks) const {
  for (usize i = 0; i < count_; ++i) {
    if (runs_[i].zone != zone) continue;
    u64 number = runs_[i].frames.first.number();
    u64 left = runs_[i].frames.count;
    while (left != 0) {
      const unsigned order = largest_order(number, left);
      // All of the largest order at once: a run may be terabytes.
      const u64 count = order == kMaxOrder ? left >> kMaxOrder : 1;
      blocks[order] += count;
      number += count << order;
      left -= count << order;
    }
  }
}

}  // namespace meridian
