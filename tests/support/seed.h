// SPDX-License-Identifier: MIT
/// The seed of the random tests: fresh in each run and printed, so that a failure can be repeated
/// with MERIDIAN_SEED=<the number> in the environment.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <random>

#include "kernel/lib/types.h"

namespace meridian {

/// This run's seed, the same at every call. Tests that want different sequences add a constant of
/// their own.
inline u64 test_seed() {
  static const u64 seed = [] {
    const char* wanted = std::getenv("MERIDIAN_SEED");
    const u64 value = wanted != nullptr
                          ? std::strtoull(wanted, nullptr, 0)
                          : u64{std::random_device{}()} << 32 | std::random_device{}();
    std::printf("seed: MERIDIAN_SEED=%llu repeats this run\n",
                static_cast<unsigned long long>(value));
    std::fflush(stdout);
    return value;
  }();
  return seed;
}

}  // namespace meridian
