// SPDX-License-Identifier: MIT
/// The zero frame: what every page shows that has been read but never written. It is mapped
/// read-only, in as many places as there are, and nobody counts them.
#pragma once

#include <atomic>

#include "kernel/lib/result.h"
#include "mm/frame.h"

namespace meridian {

/// Its number; 0 before the first call of zero_frame(), which makes it.
[[gnu::visibility("hidden")]] extern std::atomic<u64> the_zero_frame;

/// Errc::out_of_frames at the first call.
Result<Frame> make_zero_frame();
inline Result<Frame> zero_frame() {
  const u64 number = the_zero_frame.load(std::memory_order_acquire);
  if (number != 0) [[likely]]
    return Frame::from_number(number);
  return make_zero_frame();
}
inline bool is_zero_frame(Frame frame) {
  return frame.number() == the_zero_frame.load(std::memory_order_relaxed);
}

/// For tests that change the machine below: gives it back until the next call of zero_frame().
void close_zero_frame();

}  // namespace meridian
