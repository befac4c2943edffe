// SPDX-License-Identifier: MIT
/// Makes one allocation fail, so that a test can fail each in turn and look at what is left behind.
/// Self-checking builds only; elsewhere nothing ever fails on request.
#pragma once

#include <atomic>

#include "kernel/lib/self_checks.h"
#include "kernel/lib/types.h"

namespace meridian {

/// Allocations (of frames or by kmalloc) until one fails; 0 when none will.
inline constinit std::atomic<u64> allocations_until_failure{0};

/// True for the allocation that was chosen. Allocators ask this first.
inline bool allocation_must_fail() {
  if constexpr (!kSelfChecks) return false;
  u64 left = allocations_until_failure.load(std::memory_order_relaxed);
  while (left != 0)
    if (allocations_until_failure.compare_exchange_weak(left, left - 1)) return left == 1;
  return false;
}

/// While it lives, the `nth` allocation from now (1 is the next) fails, once.
class [[nodiscard]] FailAllocation {
 public:
  explicit FailAllocation(u64 nth) { allocations_until_failure = nth; }
  ~FailAllocation() { allocations_until_failure = 0; }
  FailAllocation(const FailAllocation&) = delete;
  FailAllocation& operator=(const FailAllocation&) = delete;

  /// True once it has happened: a test is done when it runs through without.
  bool has_fired() const { return allocations_until_failure == 0; }
};

}  // namespace meridian
