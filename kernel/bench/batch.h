// SPDX-License-Identifier: MIT
/// The batch rows: 4096 of something allocated in a row, then 4096 freed in a row; one of the two
/// is timed.
#pragma once

#include <array>

#include "kernel/bench/bench.h"

namespace meridian {

/// How one kind of thing is allocated and freed.
template <typename T>
struct Allocator {
  Result<T> (*allocate)();
  void (*free)(T);
};

/// The things of one row; static, because they would not fit on a stack.
template <typename T, const Allocator<T>& kAllocator>
class Batch {
 public:
  static Result<void> time_allocation(BenchRun& run) {
    run.start();
    const usize got = fill();
    run.stop(things_.size());
    release(got);
    return complete(got);
  }

  static Result<void> time_freeing(BenchRun& run) {
    const usize got = fill();
    run.start();
    release(got);
    run.stop(things_.size());
    return complete(got);
  }

 private:
  /// How many it got: all, or those before memory ran out.
  static usize fill() {
    for (usize i = 0; i < things_.size(); ++i) {
      Result<T> thing = kAllocator.allocate();
      if (!thing.has_value()) return i;
      things_[i] = thing.take();
    }
    return things_.size();
  }
  static void release(usize count) {
    for (usize i = 0; i < count; ++i) kAllocator.free(things_[i]);
  }
  static Result<void> complete(usize got) {
    if (got != things_.size()) return Error{Errc::out_of_frames, got};
    return {};
  }

  static constinit inline std::array<T, 4096> things_{};
};

}  // namespace meridian
