// SPDX-License-Identifier: MIT
/// Whether this is a build for tests (-DMERIDIAN_TESTS=1: the test image and the host's unit
/// tests). Such a build fills freed memory with patterns, checks them, and can be told to fail an
/// allocation.
#pragma once

namespace meridian {

#ifdef MERIDIAN_TESTS
inline constexpr bool kSelfChecks = true;
#else
inline constexpr bool kSelfChecks = false;
#endif

}  // namespace meridian
